"""Scales: one file per protocol, and the rule that says when a parcel's weight is settled."""
