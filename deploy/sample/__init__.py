"""The invented sample day, and converters that turn public data into such a day."""
