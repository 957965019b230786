"""Figures, report and pages, made of the tables of `compare` and `timing`."""
