"""Scales, printers and scanners, exact to the byte, in a process of their own."""
