"""The warehouse's HTTP API below `/api/v1`: one file per resource, each with its `handlers`."""
