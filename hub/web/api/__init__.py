"""The hub's HTTP interface, `/api/v1`: parse, call one service, answer."""
