-- How this life of the hub began; see the same tables for SQLite.
CREATE TABLE recovery (
    only_row bigint PRIMARY KEY CHECK (only_row = 1),
    kind     text COLLATE "C" NOT NULL CHECK (kind IN ('restored', 'lost')),
    began_ms bigint NOT NULL,
    ended_ms bigint
);

CREATE TABLE doubtful_parcels (
    parcel_id text COLLATE "C" PRIMARY KEY
);

CREATE TABLE learnt_parcels (
    parcel_id     text COLLATE "C" PRIMARY KEY REFERENCES parcels (parcel_id),
    order_id      text COLLATE "C" NOT NULL REFERENCES orders (order_id),
    order_version bigint NOT NULL,
    settled       bigint NOT NULL DEFAULT 0
);
CREATE INDEX learnt_parcels_by_order ON learnt_parcels (order_id);
CREATE INDEX learnt_parcels_open ON learnt_parcels (order_id) WHERE settled = 0;

CREATE TABLE uncovered_units (
    parcel_id text COLLATE "C" NOT NULL REFERENCES parcels (parcel_id),
    line_no   bigint NOT NULL,
    units     bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (parcel_id, line_no)
);

CREATE TABLE avoided_stock (
    order_id  text COLLATE "C" NOT NULL REFERENCES orders (order_id),
    sku       text COLLATE "C" NOT NULL,
    warehouse text COLLATE "C" NOT NULL,
    PRIMARY KEY (order_id, sku, warehouse)
);
CREATE INDEX avoided_stock_by_sku ON avoided_stock (sku, warehouse);
