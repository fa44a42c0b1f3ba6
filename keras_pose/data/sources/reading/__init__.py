"""How strange files are read: with limits, and none of them runs code."""
