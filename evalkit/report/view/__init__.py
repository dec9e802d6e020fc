"""Pages of a folder of runs, served to this machine alone."""
