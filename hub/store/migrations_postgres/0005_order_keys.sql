-- By what an order's buyer, door and lines are recognised; see the same table for SQLite.
CREATE TABLE order_keys (
    order_id    text COLLATE "C" PRIMARY KEY REFERENCES orders (order_id),
    buyer       text COLLATE "C" NOT NULL,
    door        text COLLATE "C" NOT NULL,
    line_key    text COLLATE "C" NOT NULL,
    total_minor bigint NOT NULL,
    flags       text COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX order_keys_by_buyer ON order_keys (buyer, door) WHERE buyer <> '';
