-- Sales channels: the shops we serve, what they told us, what we still owe them, and what they show.
-- Secrets are not here; they lie in files of their own.

-- `pulled_until_ms`: every change of an order up to this moment has been pulled. `trouble` is the
-- code of the last failure, empty when the last call went well.
CREATE TABLE channel_shops (
    channel         TEXT NOT NULL,
    shop            TEXT NOT NULL,
    name            TEXT NOT NULL,
    url             TEXT NOT NULL,
    currency        TEXT NOT NULL,
    options         TEXT NOT NULL DEFAULT '{}',
    active          INTEGER NOT NULL DEFAULT 1,
    publish_percent INTEGER NOT NULL DEFAULT 0 CHECK (publish_percent BETWEEN 0 AND 100),
    publish_buffer  INTEGER NOT NULL DEFAULT 0 CHECK (publish_buffer >= 0),
    pulled_until_ms INTEGER NOT NULL,
    pull_due_ms     INTEGER NOT NULL DEFAULT 0,
    pull_failures   INTEGER NOT NULL DEFAULT 0,
    trouble         TEXT NOT NULL DEFAULT '',
    made_ms         INTEGER NOT NULL,
    PRIMARY KEY (channel, shop)
) STRICT, WITHOUT ROWID;

-- The newest copy of each order that a shop showed us; `mark` dates it in the platform's own way.
CREATE TABLE channel_orders (
    channel   TEXT NOT NULL,
    shop      TEXT NOT NULL,
    order_no  TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    mark      INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('open', 'waiting', 'cancelled', 'closed')),
    digest    TEXT NOT NULL,
    line_ids  TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (channel, shop, order_no)
) STRICT, WITHOUT ROWID;

-- Orders that could not be taken for a reason that may pass (an unknown SKU); they are tried again.
-- Personal data: `content` goes once the order is in.
CREATE TABLE channel_rejects (
    channel  TEXT NOT NULL,
    shop     TEXT NOT NULL,
    order_no TEXT NOT NULL,
    code     TEXT NOT NULL,
    content  BLOB NOT NULL,
    due_ms   INTEGER NOT NULL,
    PRIMARY KEY (channel, shop, order_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_rejects_due ON channel_rejects (due_ms);

-- What a shop must be told, written in the transaction that made it true. `task_id` is made of the
-- kind and the subject, so the same thing is never owed twice.
CREATE TABLE channel_tasks (
    task_id    TEXT PRIMARY KEY,
    channel    TEXT NOT NULL,
    shop       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('confirm_shipment', 'accept_cancel', 'refuse_cancel')),
    subject    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
    tries      INTEGER NOT NULL DEFAULT 0,
    due_ms     INTEGER NOT NULL,
    trouble    TEXT NOT NULL DEFAULT '',
    made_ms    INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_tasks_due ON channel_tasks (channel, shop, due_ms) WHERE state = 'waiting';
CREATE INDEX channel_tasks_dead ON channel_tasks (channel, shop) WHERE state = 'dead';

-- What a shop shows of a SKU. `shown` is NULL while that is in doubt; `held` is the most it may
-- still show, and counts as promised to the shop; `asked` is a change whose answer is not known.
CREATE TABLE channel_listings (
    channel      TEXT NOT NULL,
    shop         TEXT NOT NULL,
    sku          TEXT NOT NULL REFERENCES products (sku),
    listing_ref  TEXT NOT NULL DEFAULT '',
    shown        INTEGER,
    held         INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    asked        INTEGER,
    pushes       INTEGER NOT NULL DEFAULT 0,
    settled_ms   INTEGER NOT NULL DEFAULT 0,
    wait_pull_ms INTEGER NOT NULL DEFAULT 0,
    due_ms       INTEGER NOT NULL DEFAULT 0,
    tries        INTEGER NOT NULL DEFAULT 0,
    trouble      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (channel, shop, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_listings_by_sku ON channel_listings (sku);
