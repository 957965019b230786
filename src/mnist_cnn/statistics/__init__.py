"""From the table of runs to effects, tiers and the choice; no PyTorch."""
