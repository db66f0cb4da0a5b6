"""Scanners: where a scan ends, and what its text means."""
