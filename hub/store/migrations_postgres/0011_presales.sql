-- Units that are sold before they are there; see the same tables for SQLite.
CREATE TABLE presales (
    sku       text COLLATE "C" NOT NULL REFERENCES products (sku),
    ship_date text COLLATE "C" NOT NULL,
    units     bigint NOT NULL CHECK (units >= 0),
    promised  bigint NOT NULL DEFAULT 0 CHECK (promised >= 0),
    turned    bigint NOT NULL DEFAULT 0 CHECK (turned >= 0),
    PRIMARY KEY (sku, ship_date),
    CHECK (promised + turned <= units)
);

CREATE TABLE presale_promises (
    order_id  text COLLATE "C" NOT NULL REFERENCES orders (order_id),
    line_no   bigint NOT NULL,
    sku       text COLLATE "C" NOT NULL,
    ship_date text COLLATE "C" NOT NULL,
    units     bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (order_id, line_no, ship_date)
);
CREATE INDEX presale_promises_by_sku ON presale_promises (sku);
