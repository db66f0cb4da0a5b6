-- Which machine speaks for a warehouse, and lines told twice; see the same tables for SQLite.
CREATE TABLE fences (
    node            text COLLATE "C" PRIMARY KEY REFERENCES nodes (node),
    given           bigint NOT NULL DEFAULT 0,
    confirmed       bytea,
    offered         bytea,
    machine         text COLLATE "C" NOT NULL DEFAULT '',
    refused         bytea,
    refused_machine text COLLATE "C" NOT NULL DEFAULT '',
    branch_first    bigint NOT NULL DEFAULT 0
);

CREATE TABLE retold (
    node        text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    seq         bigint NOT NULL,
    PRIMARY KEY (node, incarnation, seq)
);
CREATE INDEX facts_by_op ON facts (op_id, node);
