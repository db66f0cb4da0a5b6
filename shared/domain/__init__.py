"""The pure rules that both sides share. No clock, no randomness, no I/O."""
