"""The replication protocol between an edge and the hub, free of sockets and clocks."""
