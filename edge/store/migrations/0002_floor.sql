-- The floor of one warehouse: goods, places, the stock ledger, serial numbers, parcels and work.
-- 0001_log.sql holds the fact log and the state of the line to the hub.

CREATE TABLE products (
    sku               TEXT PRIMARY KEY,
    gtin              TEXT NOT NULL,
    name              TEXT NOT NULL,
    unit_weight_grams INTEGER NOT NULL,
    length_mm         INTEGER NOT NULL,
    width_mm          INTEGER NOT NULL,
    height_mm         INTEGER NOT NULL,
    serial_policy     TEXT NOT NULL CHECK (serial_policy IN ('none', 'ship', 'full'))
) STRICT;
CREATE INDEX products_by_gtin ON products (gtin);

CREATE TABLE people (
    badge    TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    role     TEXT NOT NULL,
    language TEXT NOT NULL DEFAULT 'zh-CN'
) STRICT;

-- What each handheld, bench, dock door or receiving table is doing; `job` is JSON of its own kind.
CREATE TABLE stations (
    station    TEXT PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('handheld', 'bench', 'dock', 'receiving')),
    badge      TEXT,
    job        TEXT NOT NULL DEFAULT '{}',
    changed_ms INTEGER NOT NULL
) STRICT;

-- Every operation a client named, with its first answer: a repeat gets the same answer.
CREATE TABLE operations (
    op_id      TEXT PRIMARY KEY,
    device_id  TEXT NOT NULL,
    device_seq INTEGER NOT NULL,
    station    TEXT NOT NULL,
    raw        TEXT NOT NULL,
    accepted   INTEGER NOT NULL,
    code       TEXT NOT NULL,
    answer     TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX operations_by_station ON operations (station, at_ms);

-- Stock imports that are on the books, so that a repeated command books nothing twice.
CREATE TABLE loads (
    load_id    TEXT PRIMARY KEY,
    command_id TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Double entry; append only.
CREATE TABLE movements (
    movement_id INTEGER PRIMARY KEY,
    op_id       TEXT NOT NULL,
    sku         TEXT NOT NULL REFERENCES products (sku),
    serial      TEXT,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    source      TEXT NOT NULL,
    target      TEXT NOT NULL CHECK (target <> source),
    actor       TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    CHECK (serial IS NULL OR quantity = 1)
) STRICT;
CREATE INDEX movements_by_serial ON movements (serial) WHERE serial IS NOT NULL;

-- The sum of the movements, kept so that a scan need not add them up. Places never go below zero.
CREATE TABLE balances (
    account  TEXT NOT NULL,
    sku      TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (account, sku),
    CHECK (quantity >= 0 OR account IN ('supplier', 'customer', 'loss', 'found'))
) STRICT, WITHOUT ROWID;
CREATE INDEX balances_by_sku ON balances (sku, quantity);

-- Where each serial number is now. A returned unit starts another life of the same number.
CREATE TABLE serials (
    serial     TEXT PRIMARY KEY,
    sku        TEXT NOT NULL REFERENCES products (sku),
    state      TEXT NOT NULL,
    account    TEXT NOT NULL,
    life       INTEGER NOT NULL DEFAULT 1,
    parcel_id  TEXT,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX serials_by_account ON serials (account, sku);

CREATE TABLE serial_history (
    history_id INTEGER PRIMARY KEY,
    serial     TEXT NOT NULL,
    life       INTEGER NOT NULL,
    event      TEXT NOT NULL,
    state      TEXT NOT NULL,
    account    TEXT NOT NULL,
    op_id      TEXT NOT NULL,
    actor      TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX serial_history_by_serial ON serial_history (serial, history_id);

-- Parcels the hub assigned to this warehouse. `recipient` is JSON and personal: erased in time.
CREATE TABLE parcels (
    parcel_id         TEXT PRIMARY KEY,
    command_id        TEXT NOT NULL UNIQUE,
    order_id          TEXT NOT NULL,
    channel           TEXT NOT NULL,
    shop              TEXT NOT NULL,
    order_no          TEXT NOT NULL,
    courier           TEXT NOT NULL,
    cut_off_ms        INTEGER NOT NULL,
    waybill           TEXT NOT NULL UNIQUE,
    sort_code         TEXT NOT NULL,
    recipient         TEXT NOT NULL,
    buyer_remark      TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN (
        'waiting', 'planned', 'picking', 'picked', 'packing', 'packed', 'shipped', 'cancelled',
        'short')),
    wave              TEXT,
    tote              TEXT,
    bench             TEXT,
    weight_grams      INTEGER,
    manifest          TEXT,
    cancel_command_id TEXT,
    assigned_ms       INTEGER NOT NULL,
    packed_ms         INTEGER,
    shipped_ms        INTEGER,
    changed_ms        INTEGER NOT NULL
) STRICT;
CREATE INDEX parcels_by_state ON parcels (state, cut_off_ms);
CREATE INDEX parcels_by_tote ON parcels (tote) WHERE tote IS NOT NULL;
CREATE INDEX parcels_by_order ON parcels (order_no);

CREATE TABLE parcel_lines (
    parcel_id TEXT NOT NULL REFERENCES parcels (parcel_id),
    line_no   INTEGER NOT NULL,
    sku       TEXT NOT NULL REFERENCES products (sku),
    quantity  INTEGER NOT NULL CHECK (quantity > 0),
    picked    INTEGER NOT NULL DEFAULT 0,
    packed    INTEGER NOT NULL DEFAULT 0,
    short     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (parcel_id, line_no),
    CHECK (picked >= 0 AND packed >= 0 AND short >= 0 AND picked + short <= quantity
           AND packed <= picked)
) STRICT, WITHOUT ROWID;

-- The serial numbers that fill a parcel line. For policy `ship` the row appears at scan-out.
CREATE TABLE parcel_serials (
    parcel_id TEXT NOT NULL,
    line_no   INTEGER NOT NULL,
    serial    TEXT NOT NULL,
    packed    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (parcel_id, line_no, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE waves (
    wave       TEXT PRIMARY KEY,
    courier    TEXT NOT NULL,
    cut_off_ms INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('planned', 'picking', 'picked', 'done')),
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE pick_lists (
    pick_list  TEXT PRIMARY KEY,
    wave       TEXT NOT NULL REFERENCES waves (wave),
    state      TEXT NOT NULL CHECK (state IN ('open', 'picking', 'done')),
    cart       TEXT,
    station    TEXT,
    badge      TEXT,
    walk_mm    INTEGER NOT NULL,
    started_ms INTEGER,
    done_ms    INTEGER
) STRICT;
CREATE INDEX pick_lists_by_state ON pick_lists (state);

-- One row: take `quantity` of `sku` at stop `stop_no` for one parcel line into tote slot `slot`.
CREATE TABLE pick_lines (
    pick_list TEXT NOT NULL REFERENCES pick_lists (pick_list),
    stop_no   INTEGER NOT NULL,
    bin       TEXT NOT NULL,
    sku       TEXT NOT NULL,
    parcel_id TEXT NOT NULL REFERENCES parcels (parcel_id),
    line_no   INTEGER NOT NULL,
    slot      INTEGER NOT NULL,
    quantity  INTEGER NOT NULL CHECK (quantity > 0),
    picked    INTEGER NOT NULL DEFAULT 0,
    short     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pick_list, stop_no, parcel_id, line_no),
    CHECK (picked + short <= quantity)
) STRICT, WITHOUT ROWID;
CREATE INDEX pick_lines_by_parcel ON pick_lines (parcel_id);
CREATE INDEX pick_lines_by_bin ON pick_lines (bin, sku);

CREATE TABLE receipts (
    asn         TEXT PRIMARY KEY,
    command_id  TEXT,
    supplier    TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('expected', 'receiving', 'done')),
    expected_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE receipt_lines (
    asn      TEXT NOT NULL REFERENCES receipts (asn),
    sku      TEXT NOT NULL,
    bin      TEXT NOT NULL,
    expected INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (asn, sku, bin)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipt_serials (
    serial   TEXT PRIMARY KEY,
    asn      TEXT NOT NULL,
    sku      TEXT NOT NULL,
    received INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE weighings (
    weighing_id TEXT PRIMARY KEY,
    parcel_id   TEXT NOT NULL,
    station     TEXT NOT NULL,
    device      TEXT NOT NULL,
    grams       INTEGER NOT NULL,
    low_grams   INTEGER NOT NULL,
    high_grams  INTEGER NOT NULL,
    accepted    INTEGER NOT NULL,
    raw         TEXT NOT NULL,
    at_ms       INTEGER NOT NULL
) STRICT;

-- One row per physical label that may exist. The bytes are frozen when the job is made.
CREATE TABLE print_jobs (
    job_id      TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    document_id TEXT NOT NULL,
    copy_no     INTEGER NOT NULL,
    printer     TEXT NOT NULL,
    station     TEXT NOT NULL,
    zpl         BLOB NOT NULL,
    sha256      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN (
        'queued', 'sending', 'sent', 'confirmed', 'unknown', 'failed_before_send', 'cancelled')),
    reason      TEXT NOT NULL DEFAULT '',
    trouble     TEXT NOT NULL DEFAULT '',
    actor       TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    changed_ms  INTEGER NOT NULL,
    UNIQUE (kind, document_id, copy_no)
) STRICT;
CREATE INDEX print_jobs_by_state ON print_jobs (state);

CREATE TABLE manifests (
    manifest  TEXT PRIMARY KEY,
    courier   TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER
) STRICT;

-- What waits for a person. `code` and `params` (JSON) make the sentence in the reader's language.
CREATE TABLE exceptions (
    exception_id TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('stop', 'attention', 'unknown')),
    subject      TEXT NOT NULL,
    code         TEXT NOT NULL,
    params       TEXT NOT NULL,
    station      TEXT NOT NULL,
    opened_ms    INTEGER NOT NULL,
    solved_ms    INTEGER,
    solved_by    TEXT
) STRICT;
CREATE INDEX exceptions_open ON exceptions (opened_ms) WHERE solved_ms IS NULL;
CREATE INDEX exceptions_by_subject ON exceptions (subject, code) WHERE solved_ms IS NULL;
CREATE INDEX exceptions_by_code ON exceptions (code) WHERE solved_ms IS NULL;

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
