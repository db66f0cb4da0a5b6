"""Threads that keep a port open and turn its bytes into events; all knowledge is elsewhere."""
