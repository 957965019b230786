"""Training runs: the networks, one run, many runs side by side."""
