-- How this life of the hub began, if it is not the first: put back from a backup, or founded anew
-- after the books were lost. `ended_ms` is set once no warehouse is waited for any more.
CREATE TABLE recovery (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    kind     TEXT NOT NULL CHECK (kind IN ('restored', 'lost')),
    began_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;

-- Parcels that no floor had when this life began. Their order may have left from elsewhere since
-- the backup was made, so they are released only after every warehouse has reported.
CREATE TABLE doubtful_parcels (
    parcel_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Parcels the hub learnt of from a floor. `settled` once the order behind it was compared with what
-- its shop wants.
CREATE TABLE learnt_parcels (
    parcel_id     TEXT PRIMARY KEY REFERENCES parcels (parcel_id),
    order_id      TEXT NOT NULL REFERENCES orders (order_id),
    order_version INTEGER NOT NULL,
    settled       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX learnt_parcels_by_order ON learnt_parcels (order_id);
CREATE INDEX learnt_parcels_open ON learnt_parcels (order_id) WHERE settled = 0;

-- Units of such parcels to which no right was left when their line of the log was read. Rights that
-- come in by later lines of the same log cover them before anybody else may have them.
CREATE TABLE uncovered_units (
    parcel_id TEXT NOT NULL REFERENCES parcels (parcel_id),
    line_no   INTEGER NOT NULL,
    units     INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (parcel_id, line_no)
) STRICT, WITHOUT ROWID;

-- An order came up short of a SKU in a warehouse: its units are not promised from there again until
-- stock of the SKU has come in there.
CREATE TABLE avoided_stock (
    order_id  TEXT NOT NULL REFERENCES orders (order_id),
    sku       TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    PRIMARY KEY (order_id, sku, warehouse)
) STRICT, WITHOUT ROWID;
CREATE INDEX avoided_stock_by_sku ON avoided_stock (sku, warehouse);
