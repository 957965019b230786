"""What params.yaml chooses, checked."""
