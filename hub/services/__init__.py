"""One function per use case of the hub, each in one transaction."""
