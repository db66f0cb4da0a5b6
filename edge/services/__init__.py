"""One function per use case of the floor, each in one transaction."""
