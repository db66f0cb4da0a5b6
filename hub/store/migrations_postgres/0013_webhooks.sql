-- Who is told of what happens. `kinds`: JSON list of event kinds, empty for all. `cursor`: the last
-- line of the change feed that was looked at for it. `old_secret` signs too until `old_until_ms`.
-- `failures`: calls in a row that failed; the next one is made at `next_ms`.
CREATE TABLE webhooks (
    webhook_id   text COLLATE "C" PRIMARY KEY,
    url          text NOT NULL,
    kinds        text NOT NULL,
    secret       text NOT NULL,
    old_secret   text NOT NULL DEFAULT '',
    old_until_ms bigint NOT NULL DEFAULT 0,
    active       bigint NOT NULL DEFAULT 1,
    why_not      text NOT NULL DEFAULT '',
    cursor       bigint NOT NULL,
    failures     bigint NOT NULL DEFAULT 0,
    next_ms      bigint NOT NULL DEFAULT 0,
    made_ms      bigint NOT NULL,
    changed_ms   bigint NOT NULL
);

-- One row per event that a subscription is to be told. Whoever sends it first notes until when it
-- is theirs (`leased_ms`), so that no two hub processes send it.
CREATE TABLE webhook_deliveries (
    webhook_id text COLLATE "C" NOT NULL REFERENCES webhooks (webhook_id) ON DELETE CASCADE,
    event_id   bigint NOT NULL,
    kind       text NOT NULL,
    state      text NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
    tries      bigint NOT NULL DEFAULT 0,
    next_ms    bigint NOT NULL DEFAULT 0,
    leased_ms  bigint NOT NULL DEFAULT 0,
    answer     text NOT NULL DEFAULT '',
    made_ms    bigint NOT NULL,
    changed_ms bigint NOT NULL,
    PRIMARY KEY (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, next_ms)
    WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (changed_ms) WHERE state <> 'waiting';
