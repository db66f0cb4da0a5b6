"""The pure rules that only a warehouse has."""
