"""The hub's books on a PostgreSQL server, for head offices that outgrew one machine."""
