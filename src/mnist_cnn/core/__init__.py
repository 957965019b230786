"""What every stage needs: parameters, the grid, the data set as arrays, files, paths, errors."""
