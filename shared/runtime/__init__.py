"""I/O helpers with no business words: settings, logs, the clock, the single writer, the server."""
