-- Nodes, their keys, the logs they sent, and the commands that wait for them.

-- Which life of the hub this file is. A restore raises the epoch, so that edges notice.
CREATE TABLE hub_identity (
    only_row    bigint PRIMARY KEY CHECK (only_row = 1),
    epoch       bigint NOT NULL,
    epoch_token bytea NOT NULL
);

CREATE TABLE nodes (
    node        text COLLATE "C" PRIMARY KEY,
    name        text COLLATE "C" NOT NULL DEFAULT '',
    enrolled_ms bigint
);

-- Public CURVE keys (Z85 text) that may open a session, and for whom. Two may be valid at once
-- while a node changes its key; a revoked key stays on record.
CREATE TABLE node_keys (
    public_key text COLLATE "C" PRIMARY KEY,
    node       text COLLATE "C" NOT NULL REFERENCES nodes (node),
    added_ms   bigint NOT NULL,
    revoked_ms bigint
);
CREATE INDEX node_keys_by_node ON node_keys (node);

-- One-time codes that let a new machine become a warehouse's edge. Only their hash is kept.
CREATE TABLE enrolment_codes (
    code_hash  bytea PRIMARY KEY,
    node       text COLLATE "C" NOT NULL REFERENCES nodes (node),
    made_ms    bigint NOT NULL,
    expires_ms bigint NOT NULL,
    used_ms    bigint,
    used_key   text COLLATE "C"
);

-- How far each log of each node is applied, and the last boot number that opened a session.
CREATE TABLE node_logs (
    node               text COLLATE "C" NOT NULL REFERENCES nodes (node),
    incarnation        bigint NOT NULL,
    parent_incarnation bigint,
    parent_seq         bigint,
    parent_hash        bytea,
    boot_no            bigint NOT NULL DEFAULT 0,
    applied_seq        bigint NOT NULL DEFAULT 0,
    applied_hash       bytea NOT NULL,
    stable_seq         bigint NOT NULL DEFAULT 0,
    first_seen_ms      bigint NOT NULL,
    PRIMARY KEY (node, incarnation),
    CHECK (stable_seq <= applied_seq)
);

-- Append only; the same bytes as in the edge's own log.
CREATE TABLE facts (
    node        text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    seq         bigint NOT NULL,
    prev_hash   bytea NOT NULL,
    hash        bytea NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    version     bigint NOT NULL,
    body        bytea NOT NULL,
    wall_ms     bigint NOT NULL,
    mono_ms     bigint NOT NULL,
    op_id       text COLLATE "C" NOT NULL,
    actor       text COLLATE "C" NOT NULL,
    PRIMARY KEY (node, incarnation, seq)
);

-- Facts the hub stored but could not digest. They are counted nowhere until a person or a newer
-- version applies them; the facts behind them flow on.
CREATE TABLE quarantine (
    node        text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    seq         bigint NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    error       text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    at_ms       bigint NOT NULL,
    solved_ms   bigint,
    PRIMARY KEY (node, incarnation, seq)
);
CREATE INDEX quarantine_open ON quarantine (at_ms) WHERE solved_ms IS NULL;

-- Commands down to each edge in one gap-free sequence. Bodies may carry addresses.
CREATE TABLE commands (
    node       text COLLATE "C" NOT NULL REFERENCES nodes (node),
    seq        bigint NOT NULL,
    command_id text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    version    bigint NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (node, seq)
);
CREATE UNIQUE INDEX commands_by_id ON commands (node, command_id);

-- `cacked_seq`: every command up to here has taken effect at the edge.
CREATE TABLE command_heads (
    node       text COLLATE "C" PRIMARY KEY REFERENCES nodes (node),
    head_seq   bigint NOT NULL DEFAULT 0,
    cacked_seq bigint NOT NULL DEFAULT 0 CHECK (cacked_seq <= head_seq)
);
