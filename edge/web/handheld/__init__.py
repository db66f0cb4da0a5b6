"""The picker's handheld: one page that works on, with or without a network."""
