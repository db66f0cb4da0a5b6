"""Scales, scanners and printers without hardware, speaking the real bytes on real ports."""
