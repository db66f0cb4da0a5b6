"""The hub end of the lines to the edges."""
