"""Compare convolutional networks on MNIST: which one to take, and does the difference mean anything?"""
