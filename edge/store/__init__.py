"""The only SQL of the edge."""
