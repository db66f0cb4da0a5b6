"""The edge end of the line to the hub."""
