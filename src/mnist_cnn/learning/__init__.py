"""Networks, training, and many runs at once."""
