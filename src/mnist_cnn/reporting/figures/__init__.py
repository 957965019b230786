"""The figures of the report: a module a figure, each with `draw`, which takes tables and knows no paths."""
