"""All warehouses and channels: orders, promises, sourcing, and the books of every edge."""
