"""Human3.6M, in each layout that people have."""
