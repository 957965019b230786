"""The sources of the data sets, and the format of their files."""
