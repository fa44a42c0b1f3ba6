"""Clients of a TensorFlow Serving server; they need no TensorFlow."""
