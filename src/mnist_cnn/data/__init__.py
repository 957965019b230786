"""MNIST: its files, its images, its folds."""
