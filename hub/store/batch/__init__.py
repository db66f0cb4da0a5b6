"""Books for a whole batch of facts: read once, changed in memory, written together."""
