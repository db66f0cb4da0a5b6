-- By what an order's buyer, door and lines are recognised: digests, never names. `flags` are words
-- with blanks between them, such as `vip`.
CREATE TABLE order_keys (
    order_id    TEXT PRIMARY KEY REFERENCES orders (order_id),
    buyer       TEXT NOT NULL,
    door        TEXT NOT NULL,
    line_key    TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    flags       TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX order_keys_by_buyer ON order_keys (buyer, door) WHERE buyer <> '';
