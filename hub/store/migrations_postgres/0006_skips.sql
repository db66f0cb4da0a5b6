-- Lines that are gone for good; see the same table for SQLite.
CREATE TABLE log_skips (
    node        text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    after_seq   bigint NOT NULL,
    to_seq      bigint NOT NULL CHECK (to_seq > after_seq),
    to_hash     bytea NOT NULL,
    at_ms       bigint NOT NULL,
    PRIMARY KEY (node, incarnation, after_seq)
);
