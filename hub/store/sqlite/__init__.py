"""The books on SQLite: one file, one writer, commits in groups."""
