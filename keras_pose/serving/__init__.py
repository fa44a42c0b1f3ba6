"""Trained networks as files: written, proved equal, loaded again."""
