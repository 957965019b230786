"""What reads the exported network and the trained weights: `mnist-cnn predict` and `mnist-cnn demo`; no PyTorch."""
