"""A whole day of Bincard on one machine: real processes, simulated hardware, simulated people."""
