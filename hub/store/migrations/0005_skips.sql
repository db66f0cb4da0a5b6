-- Lines that are gone for good: this hub was put back from a backup older than what the warehouse
-- still keeps. The log goes on behind `to_seq`, whose hash the next line must name.
CREATE TABLE log_skips (
    node        TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    after_seq   INTEGER NOT NULL,
    to_seq      INTEGER NOT NULL CHECK (to_seq > after_seq),
    to_hash     BLOB NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (node, incarnation, after_seq)
) STRICT, WITHOUT ROWID;
