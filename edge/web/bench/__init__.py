"""The page of a packing bench: four steps, the scale, the label, and what to do now."""
