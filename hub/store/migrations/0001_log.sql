-- Nodes, their keys, the logs they sent, and the commands that wait for them.

-- Which life of the hub this file is. A restore raises the epoch, so that edges notice.
CREATE TABLE hub_identity (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch       INTEGER NOT NULL,
    epoch_token BLOB NOT NULL
) STRICT;

CREATE TABLE nodes (
    node        TEXT PRIMARY KEY,
    name        TEXT NOT NULL DEFAULT '',
    enrolled_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Public CURVE keys (Z85 text) that may open a session, and for whom. Two may be valid at once
-- while a node changes its key; a revoked key stays on record.
CREATE TABLE node_keys (
    public_key TEXT PRIMARY KEY,
    node       TEXT NOT NULL REFERENCES nodes (node),
    added_ms   INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX node_keys_by_node ON node_keys (node);

-- One-time codes that let a new machine become a warehouse's edge. Only their hash is kept.
CREATE TABLE enrolment_codes (
    code_hash  BLOB PRIMARY KEY,
    node       TEXT NOT NULL REFERENCES nodes (node),
    made_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms    INTEGER,
    used_key   TEXT
) STRICT, WITHOUT ROWID;

-- How far each log of each node is applied, and the last boot number that opened a session.
CREATE TABLE node_logs (
    node               TEXT NOT NULL REFERENCES nodes (node),
    incarnation        INTEGER NOT NULL,
    parent_incarnation INTEGER,
    parent_seq         INTEGER,
    parent_hash        BLOB,
    boot_no            INTEGER NOT NULL DEFAULT 0,
    applied_seq        INTEGER NOT NULL DEFAULT 0,
    applied_hash       BLOB NOT NULL,
    stable_seq         INTEGER NOT NULL DEFAULT 0,
    first_seen_ms      INTEGER NOT NULL,
    PRIMARY KEY (node, incarnation),
    CHECK (stable_seq <= applied_seq)
) STRICT, WITHOUT ROWID;

-- Append only; the same bytes as in the edge's own log.
CREATE TABLE facts (
    node        TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    prev_hash   BLOB NOT NULL,
    hash        BLOB NOT NULL,
    kind        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    body        BLOB NOT NULL,
    wall_ms     INTEGER NOT NULL,
    mono_ms     INTEGER NOT NULL,
    op_id       TEXT NOT NULL,
    actor       TEXT NOT NULL,
    PRIMARY KEY (node, incarnation, seq)
) STRICT, WITHOUT ROWID;

-- Facts the hub stored but could not digest. They are counted nowhere until a person or a newer
-- version applies them; the facts behind them flow on.
CREATE TABLE quarantine (
    node        TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    error       TEXT NOT NULL,
    code        TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    solved_ms   INTEGER,
    PRIMARY KEY (node, incarnation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_open ON quarantine (at_ms) WHERE solved_ms IS NULL;

-- Commands down to each edge in one gap-free sequence. Bodies may carry addresses.
CREATE TABLE commands (
    node       TEXT NOT NULL REFERENCES nodes (node),
    seq        INTEGER NOT NULL,
    command_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       BLOB NOT NULL,
    PRIMARY KEY (node, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX commands_by_id ON commands (node, command_id);

-- `cacked_seq`: every command up to here has taken effect at the edge.
CREATE TABLE command_heads (
    node       TEXT PRIMARY KEY REFERENCES nodes (node),
    head_seq   INTEGER NOT NULL DEFAULT 0,
    cacked_seq INTEGER NOT NULL DEFAULT 0 CHECK (cacked_seq <= head_seq)
) STRICT, WITHOUT ROWID;
