"""The command `mnist-cnn`: it reads the exported network and the trained weights without PyTorch."""
