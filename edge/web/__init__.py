"""The pages and the HTTP interface of one warehouse."""
