"""Results in other formats: CSV, JSON, netCDF."""
