"""The figures of the report: one module per figure, with a function `draw` that takes tables."""
