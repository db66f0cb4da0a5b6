"""The pure rules of promising: review, sourcing, reservation, courier choice."""
