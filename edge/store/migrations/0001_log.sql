-- The fact log of one warehouse and the state of its line to the hub.
-- A fact is written here in the same transaction as the stock it moves: the log is the outbox.

-- Who this node is. One row, made when the file is first opened.
CREATE TABLE node_state (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    node        TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    boot_no     INTEGER NOT NULL DEFAULT 0,
    epoch       INTEGER NOT NULL DEFAULT 0,
    epoch_token BLOB NOT NULL DEFAULT x'0000000000000000',
    down_cursor INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One row per log this node ever wrote. A restore starts a new incarnation, so that no number of
-- the old log is ever given to another fact. `parent_*` says where the new log branched off.
CREATE TABLE logs (
    incarnation        INTEGER PRIMARY KEY,
    parent_incarnation INTEGER,
    parent_seq         INTEGER,
    parent_hash        BLOB,
    base_seq           INTEGER NOT NULL DEFAULT 0,
    base_hash          BLOB NOT NULL,
    head_seq           INTEGER NOT NULL DEFAULT 0,
    head_hash          BLOB NOT NULL,
    acked_seq          INTEGER NOT NULL DEFAULT 0,
    acked_hash         BLOB NOT NULL,
    stable_seq         INTEGER NOT NULL DEFAULT 0,
    CHECK (base_seq <= head_seq AND acked_seq <= head_seq)
) STRICT;

-- Append only; `body` is kept byte for byte as first written, because `hash` covers it.
CREATE TABLE facts (
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    node        TEXT NOT NULL,
    prev_hash   BLOB NOT NULL,
    hash        BLOB NOT NULL,
    kind        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    body        BLOB NOT NULL,
    wall_ms     INTEGER NOT NULL,
    mono_ms     INTEGER NOT NULL,
    op_id       TEXT NOT NULL,
    actor       TEXT NOT NULL,
    PRIMARY KEY (incarnation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX facts_by_op ON facts (op_id);

-- Every command of the hub and what became of it. Bodies carry addresses, so a body is kept only
-- where this version could not read it and a later one may.
CREATE TABLE commands_received (
    seq        INTEGER PRIMARY KEY,
    command_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    outcome    TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'unknown', 'repeated')),
    code       TEXT NOT NULL DEFAULT '',
    body       BLOB,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX commands_received_by_id ON commands_received (command_id);
