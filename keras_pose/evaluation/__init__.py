"""Scores of poses, and what they mean."""
