"""From files on disk to batches: sources, records, conversion, pipeline."""
