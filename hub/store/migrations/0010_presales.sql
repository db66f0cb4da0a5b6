-- Units that are sold before they are there, up to a quota per SKU and ship date. `promised` units
-- are in orders that wait; `turned` ones have become promises of stock. Cancelled ones are neither.
CREATE TABLE presales (
    sku       TEXT NOT NULL REFERENCES products (sku),
    ship_date TEXT NOT NULL,
    units     INTEGER NOT NULL CHECK (units >= 0),
    promised  INTEGER NOT NULL DEFAULT 0 CHECK (promised >= 0),
    turned    INTEGER NOT NULL DEFAULT 0 CHECK (turned >= 0),
    PRIMARY KEY (sku, ship_date),
    CHECK (promised + turned <= units)
) STRICT, WITHOUT ROWID;

CREATE TABLE presale_promises (
    order_id  TEXT NOT NULL REFERENCES orders (order_id),
    line_no   INTEGER NOT NULL,
    sku       TEXT NOT NULL,
    ship_date TEXT NOT NULL,
    units     INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (order_id, line_no, ship_date)
) STRICT, WITHOUT ROWID;
CREATE INDEX presale_promises_by_sku ON presale_promises (sku);
