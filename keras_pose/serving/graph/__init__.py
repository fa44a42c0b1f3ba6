"""What the SavedModel does beside the network, as TensorFlow's graphs."""
