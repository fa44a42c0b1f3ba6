"""What a person watches of a run, and what it leaves to be read."""
