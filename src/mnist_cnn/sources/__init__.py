"""Where the files of the data sets come from, and the format they are in."""
