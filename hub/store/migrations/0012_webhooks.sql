-- Who is told of what happens. `kinds`: JSON list of event kinds, empty for all. `cursor`: the last
-- line of the change feed that was looked at for it. `old_secret` signs too until `old_until_ms`.
-- `failures`: calls in a row that failed; the next one is made at `next_ms`.
CREATE TABLE webhooks (
    webhook_id   TEXT PRIMARY KEY,
    url          TEXT NOT NULL,
    kinds        TEXT NOT NULL,
    secret       TEXT NOT NULL,
    old_secret   TEXT NOT NULL DEFAULT '',
    old_until_ms INTEGER NOT NULL DEFAULT 0,
    active       INTEGER NOT NULL DEFAULT 1,
    why_not      TEXT NOT NULL DEFAULT '',
    cursor       INTEGER NOT NULL,
    failures     INTEGER NOT NULL DEFAULT 0,
    next_ms      INTEGER NOT NULL DEFAULT 0,
    made_ms      INTEGER NOT NULL,
    changed_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per event that a subscription is to be told. Whoever sends it first notes until when it
-- is theirs (`leased_ms`), so that no two hub processes send it.
CREATE TABLE webhook_deliveries (
    webhook_id TEXT NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    event_id   INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries      INTEGER NOT NULL DEFAULT 0,
    next_ms    INTEGER NOT NULL DEFAULT 0,
    leased_ms  INTEGER NOT NULL DEFAULT 0,
    answer     TEXT NOT NULL DEFAULT '',
    made_ms    INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, next_ms)
    WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (changed_ms) WHERE state <> 'waiting';
