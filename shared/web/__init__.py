"""HTTP conventions that both nodes follow: problems, tokens, live streams, health."""
