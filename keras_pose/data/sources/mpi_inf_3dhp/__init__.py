"""MPI-INF-3DHP, as its archive unpacks."""
