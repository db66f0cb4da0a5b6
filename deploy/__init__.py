"""Set-up, the demo day and its sample. Not part of the product's wheel."""
