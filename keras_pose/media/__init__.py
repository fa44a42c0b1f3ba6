"""Photos, folders, videos and cameras as frames."""
