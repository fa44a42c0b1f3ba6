"""3D human pose from one colour image: integral pose regression in Keras."""

__version__ = "0.1.0"
