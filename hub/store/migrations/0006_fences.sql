-- Which machine speaks for a warehouse. Every welcome offers a new number; a greeting must show the
-- number offered last, or the one before as long as nobody was heard under the last. While none is
-- confirmed any machine with the key may come: after enrolment, and in a new life of the hub.
-- `refused` is what the machine showed that was turned away last; an operator may adopt it.
CREATE TABLE fences (
    node            TEXT PRIMARY KEY REFERENCES nodes (node),
    given           INTEGER NOT NULL DEFAULT 0,
    confirmed       BLOB,
    offered         BLOB,
    machine         TEXT NOT NULL DEFAULT '',
    refused         BLOB,
    refused_machine TEXT NOT NULL DEFAULT '',
    branch_first    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- A line that a branched log tells again, because its machine could not know whether it had arrived
-- under the old name. It is kept, and counted nowhere.
CREATE TABLE retold (
    node        TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (node, incarnation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_by_op ON facts (op_id, node);
