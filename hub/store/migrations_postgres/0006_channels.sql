-- Sales channels: the shops we serve, what they told us, what we still owe them, and what they show.
-- Secrets are not here; they lie in files of their own.

-- `pulled_until_ms`: every change of an order up to this moment has been pulled. `trouble` is the
-- code of the last failure, empty when the last call went well.
CREATE TABLE channel_shops (
    channel         text COLLATE "C" NOT NULL,
    shop            text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    url             text COLLATE "C" NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    options         text COLLATE "C" NOT NULL DEFAULT '{}',
    active          bigint NOT NULL DEFAULT 1,
    publish_percent bigint NOT NULL DEFAULT 0 CHECK (publish_percent BETWEEN 0 AND 100),
    publish_buffer  bigint NOT NULL DEFAULT 0 CHECK (publish_buffer >= 0),
    pulled_until_ms bigint NOT NULL,
    pull_due_ms     bigint NOT NULL DEFAULT 0,
    pull_failures   bigint NOT NULL DEFAULT 0,
    trouble         text COLLATE "C" NOT NULL DEFAULT '',
    made_ms         bigint NOT NULL,
    PRIMARY KEY (channel, shop)
);

-- The newest copy of each order that a shop showed us; `mark` dates it in the platform's own way.
CREATE TABLE channel_orders (
    channel   text COLLATE "C" NOT NULL,
    shop      text COLLATE "C" NOT NULL,
    order_no  text COLLATE "C" NOT NULL,
    remote_id text COLLATE "C" NOT NULL,
    mark      bigint NOT NULL,
    state     text COLLATE "C" NOT NULL CHECK (state IN ('open', 'waiting', 'cancelled', 'closed')),
    digest    text COLLATE "C" NOT NULL,
    line_ids  text COLLATE "C" NOT NULL DEFAULT '{}',
    PRIMARY KEY (channel, shop, order_no)
);

-- Orders that could not be taken for a reason that may pass (an unknown SKU); they are tried again.
-- Personal data: `content` goes once the order is in.
CREATE TABLE channel_rejects (
    channel  text COLLATE "C" NOT NULL,
    shop     text COLLATE "C" NOT NULL,
    order_no text COLLATE "C" NOT NULL,
    code     text COLLATE "C" NOT NULL,
    content  bytea NOT NULL,
    due_ms   bigint NOT NULL,
    PRIMARY KEY (channel, shop, order_no)
);
CREATE INDEX channel_rejects_due ON channel_rejects (due_ms);

-- What a shop must be told, written in the transaction that made it true. `task_id` is made of the
-- kind and the subject, so the same thing is never owed twice.
CREATE TABLE channel_tasks (
    task_id    text COLLATE "C" PRIMARY KEY,
    channel    text COLLATE "C" NOT NULL,
    shop       text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL CHECK (kind IN ('confirm_shipment', 'accept_cancel', 'refuse_cancel')),
    subject    text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
    tries      bigint NOT NULL DEFAULT 0,
    due_ms     bigint NOT NULL,
    trouble    text COLLATE "C" NOT NULL DEFAULT '',
    made_ms    bigint NOT NULL,
    changed_ms bigint NOT NULL
);
CREATE INDEX channel_tasks_due ON channel_tasks (channel, shop, due_ms) WHERE state = 'waiting';
CREATE INDEX channel_tasks_dead ON channel_tasks (channel, shop) WHERE state = 'dead';

-- What a shop shows of a SKU. `shown` is NULL while that is in doubt; `held` is the most it may
-- still show, and counts as promised to the shop; `asked` is a change whose answer is not known.
CREATE TABLE channel_listings (
    channel      text COLLATE "C" NOT NULL,
    shop         text COLLATE "C" NOT NULL,
    sku          text COLLATE "C" NOT NULL REFERENCES products (sku),
    listing_ref  text COLLATE "C" NOT NULL DEFAULT '',
    shown        bigint,
    held         bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    asked        bigint,
    pushes       bigint NOT NULL DEFAULT 0,
    settled_ms   bigint NOT NULL DEFAULT 0,
    wait_pull_ms bigint NOT NULL DEFAULT 0,
    due_ms       bigint NOT NULL DEFAULT 0,
    tries        bigint NOT NULL DEFAULT 0,
    trouble      text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (channel, shop, sku)
);
CREATE INDEX channel_listings_by_sku ON channel_listings (sku);
