"""The shops' side of the hub's process: the line to them, their secrets, and the rounds we make."""
