-- Head office's books: goods, warehouses, orders, parcels, the rights to promise, and the mirror of
-- what stands in each warehouse. 0001_log.sql holds the logs the warehouses sent.

CREATE TABLE warehouses (
    warehouse              TEXT PRIMARY KEY,
    name                   TEXT NOT NULL,
    latitude_microdegrees  INTEGER NOT NULL,
    longitude_microdegrees INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    sku               TEXT PRIMARY KEY,
    gtin              TEXT NOT NULL,
    name              TEXT NOT NULL,
    unit_weight_grams INTEGER NOT NULL,
    length_mm         INTEGER NOT NULL,
    width_mm          INTEGER NOT NULL,
    height_mm         INTEGER NOT NULL,
    serial_policy     TEXT NOT NULL CHECK (serial_policy IN ('none', 'ship', 'full'))
) STRICT, WITHOUT ROWID;
CREATE INDEX products_by_gtin ON products (gtin) WHERE gtin <> '';

-- Who may promise a unit. The columns are the accounts of one (SKU, warehouse); the last CHECK is
-- conservation: no unit of right is ever made or lost except by minting it.
CREATE TABLE rights (
    sku          TEXT NOT NULL REFERENCES products (sku),
    warehouse    TEXT NOT NULL REFERENCES warehouses (warehouse),
    minted       INTEGER NOT NULL DEFAULT 0,
    pool         INTEGER NOT NULL DEFAULT 0 CHECK (pool >= 0),
    held         INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    ordered      INTEGER NOT NULL DEFAULT 0 CHECK (ordered >= 0),
    shipped      INTEGER NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    burnt        INTEGER NOT NULL DEFAULT 0 CHECK (burnt >= 0),
    safety_stock INTEGER NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    PRIMARY KEY (sku, warehouse),
    CHECK (minted = pool + held + ordered + shipped + burnt)
) STRICT, WITHOUT ROWID;

CREATE TABLE rights_journal (
    entry_id  INTEGER PRIMARY KEY,
    sku       TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    source    TEXT NOT NULL,
    target    TEXT NOT NULL CHECK (target <> source),
    quantity  INTEGER NOT NULL CHECK (quantity > 0),
    reference TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT;

CREATE TABLE orders (
    order_id     TEXT PRIMARY KEY,
    channel      TEXT NOT NULL,
    shop         TEXT NOT NULL,
    order_no     TEXT NOT NULL,
    version      INTEGER NOT NULL,
    status       TEXT NOT NULL CHECK (status IN (
        'held', 'reserved', 'released', 'picking', 'packed', 'shipped', 'backordered',
        'cancel_pending', 'cancelled')),
    held         INTEGER NOT NULL DEFAULT 0,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    placed_ms    INTEGER NOT NULL,
    ship_by_ms   INTEGER NOT NULL,
    received_ms  INTEGER NOT NULL,
    changed_ms   INTEGER NOT NULL,
    reasons      TEXT NOT NULL DEFAULT '[]',
    explanation  TEXT NOT NULL DEFAULT '{}',
    UNIQUE (channel, shop, order_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX orders_by_status ON orders (status, order_id);

-- What a channel sent under one version, by digest, and what it was answered.
CREATE TABLE order_versions (
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    version  INTEGER NOT NULL,
    digest   TEXT NOT NULL,
    answer   BLOB NOT NULL,
    PRIMARY KEY (order_id, version)
) STRICT, WITHOUT ROWID;

-- Personal data, apart from everything else so that it can be erased in time.
CREATE TABLE order_people (
    order_id TEXT PRIMARY KEY REFERENCES orders (order_id),
    person   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `missing`: units that nobody has promised yet (backordered).
CREATE TABLE order_lines (
    order_id         TEXT NOT NULL REFERENCES orders (order_id),
    line_no          INTEGER NOT NULL,
    sku              TEXT NOT NULL REFERENCES products (sku),
    quantity         INTEGER NOT NULL CHECK (quantity > 0),
    unit_price_minor INTEGER NOT NULL,
    currency         TEXT NOT NULL,
    missing          INTEGER NOT NULL DEFAULT 0 CHECK (missing >= 0 AND missing <= quantity),
    PRIMARY KEY (order_id, line_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_lines_missing ON order_lines (sku, order_id) WHERE missing > 0;

CREATE TABLE parcels (
    parcel_id         TEXT PRIMARY KEY,
    order_id          TEXT NOT NULL REFERENCES orders (order_id),
    warehouse         TEXT NOT NULL REFERENCES warehouses (warehouse),
    state             TEXT NOT NULL CHECK (state IN (
        'reserved', 'released', 'picking', 'picked', 'packed', 'shipped', 'cancel_pending',
        'cancelled', 'short')),
    distance_m        INTEGER,
    courier           TEXT NOT NULL DEFAULT '',
    waybill           TEXT UNIQUE,
    sort_code         TEXT NOT NULL DEFAULT '',
    cut_off_ms        INTEGER,
    manifest          TEXT NOT NULL DEFAULT '',
    weight_grams      INTEGER,
    labels            INTEGER NOT NULL DEFAULT 0,
    explanation       TEXT NOT NULL DEFAULT '{}',
    cancel_command_id TEXT,
    created_ms        INTEGER NOT NULL,
    changed_ms        INTEGER NOT NULL,
    released_ms       INTEGER,
    packed_ms         INTEGER,
    shipped_ms        INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX parcels_by_order ON parcels (order_id);
CREATE INDEX parcels_to_release ON parcels (warehouse, parcel_id) WHERE state = 'reserved';
CREATE INDEX parcels_by_state ON parcels (state, warehouse);

CREATE TABLE parcel_lines (
    parcel_id TEXT NOT NULL REFERENCES parcels (parcel_id),
    line_no   INTEGER NOT NULL,
    sku       TEXT NOT NULL,
    quantity  INTEGER NOT NULL CHECK (quantity > 0),
    picked    INTEGER NOT NULL DEFAULT 0,
    shorted   INTEGER NOT NULL DEFAULT 0,
    shipped   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (parcel_id, line_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
    counter TEXT PRIMARY KEY,
    value   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- SKUs whose pool grew while somebody waits for them; the backorder pump works them off.
CREATE TABLE arrivals (
    sku            TEXT PRIMARY KEY,
    after_order_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reservations (
    reservation_id TEXT PRIMARY KEY,
    state          TEXT NOT NULL CHECK (state IN (
        'open', 'confirmed', 'released', 'expired', 'used')),
    digest         TEXT NOT NULL,
    allocations    TEXT NOT NULL,
    explanation    TEXT NOT NULL,
    made_ms        INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,
    changed_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_to_expire ON reservations (expires_ms) WHERE state = 'open';

-- Units in each warehouse as its own facts say; `loading` are units of an import whose confirmation
-- has not come back yet; `unnamed_lost` are serial-numbered units of which a floor only knows that
-- one is missing, not which.
CREATE TABLE on_hand (
    warehouse    TEXT NOT NULL,
    sku          TEXT NOT NULL,
    quantity     INTEGER NOT NULL,
    loading      INTEGER NOT NULL DEFAULT 0,
    unnamed_lost INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (warehouse, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock_loads (
    load_id   TEXT PRIMARY KEY,
    warehouse TEXT NOT NULL,
    import_id TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('sent', 'loaded', 'refused')),
    at_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `loaded`: units of the load that the floor has confirmed.
CREATE TABLE stock_load_units (
    load_id  TEXT NOT NULL REFERENCES stock_loads (load_id),
    sku      TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    loaded   INTEGER NOT NULL DEFAULT 0 CHECK (loaded BETWEEN 0 AND quantity),
    PRIMARY KEY (load_id, sku)
) STRICT, WITHOUT ROWID;

-- Rows of imported files that are in, so that the same file handed over twice counts once.
CREATE TABLE imported_rows (
    import_id TEXT NOT NULL,
    row_key   TEXT NOT NULL,
    PRIMARY KEY (import_id, row_key)
) STRICT, WITHOUT ROWID;

-- One place per serial number; `load_id` is set until the floor has confirmed the import.
CREATE TABLE serials (
    serial     TEXT PRIMARY KEY,
    sku        TEXT NOT NULL,
    state      TEXT NOT NULL,
    warehouse  TEXT NOT NULL,
    place      TEXT NOT NULL,
    life       INTEGER NOT NULL DEFAULT 1,
    parcel_id  TEXT,
    load_id    TEXT,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX serials_by_warehouse ON serials (warehouse, state);
CREATE INDEX serials_by_load ON serials (load_id) WHERE load_id IS NOT NULL;

CREATE TABLE serial_history (
    history_id  INTEGER PRIMARY KEY,
    serial      TEXT NOT NULL,
    life        INTEGER NOT NULL,
    event       TEXT NOT NULL,
    state       TEXT NOT NULL,
    warehouse   TEXT NOT NULL,
    place       TEXT NOT NULL,
    parcel_id   TEXT,
    source      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    at_ms       INTEGER NOT NULL
) STRICT;
CREATE INDEX serial_history_by_serial ON serial_history (serial, history_id);

CREATE TABLE disputes (
    dispute_id       TEXT PRIMARY KEY,
    serial           TEXT NOT NULL,
    sku              TEXT NOT NULL,
    first_warehouse  TEXT NOT NULL,
    second_warehouse TEXT NOT NULL,
    second_state     TEXT NOT NULL,
    sentence         TEXT NOT NULL,
    opened_ms        INTEGER NOT NULL,
    settled_ms       INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX disputes_open ON disputes (serial) WHERE settled_ms IS NULL;

CREATE TABLE book_checks (
    warehouse   TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    edge_digest TEXT NOT NULL,
    hub_digest  TEXT NOT NULL,
    edge_units  INTEGER NOT NULL,
    hub_units   INTEGER NOT NULL,
    edge_serials INTEGER NOT NULL,
    hub_serials INTEGER NOT NULL,
    matches     INTEGER NOT NULL,
    PRIMARY KEY (warehouse, incarnation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX book_checks_by_time ON book_checks (warehouse, at_ms);

CREATE TABLE exceptions (
    exception_id TEXT PRIMARY KEY,
    kind         TEXT NOT NULL,
    warehouse    TEXT NOT NULL,
    subject      TEXT NOT NULL,
    sentence     TEXT NOT NULL,
    opened_ms    INTEGER NOT NULL,
    solved_ms    INTEGER,
    solved_by    TEXT,
    note         TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX exceptions_open ON exceptions (kind, warehouse, subject) WHERE solved_ms IS NULL;

CREATE TABLE events (
    event_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms     INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    order_id  TEXT,
    parcel_id TEXT,
    warehouse TEXT,
    data      TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_order ON events (order_id, event_id) WHERE order_id IS NOT NULL;

CREATE TABLE review_rules (
    rule_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    rule    TEXT NOT NULL,
    PRIMARY KEY (rule_id, version)
) STRICT, WITHOUT ROWID;

-- API tokens. The token itself is random and long, so a plain SHA-256 of it is enough.
CREATE TABLE tokens (
    token_id   TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       TEXT NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,
    made_ms    INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    idempotency_key TEXT PRIMARY KEY,
    digest          TEXT NOT NULL,
    answer          BLOB NOT NULL,
    at_ms           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (at_ms);

CREATE TABLE audit (
    audit_id INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    reason   TEXT NOT NULL
) STRICT;
