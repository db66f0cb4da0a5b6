"""One warehouse: receiving, picking, packing, weighing and labelling, with or without the hub."""
