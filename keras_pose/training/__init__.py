"""From a config to a trained network in a working folder."""
