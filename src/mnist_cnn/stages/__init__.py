"""The stages of dvc.yaml, one module each: they read files, call the library, and write files."""
