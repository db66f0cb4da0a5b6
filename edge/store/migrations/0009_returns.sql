-- Units that customers sent back, one row each. `grade` is what the unit is fit for now and `place`
-- where it lies: a bin when it is good, a shelf aside when somebody has to look again or repair it.
CREATE TABLE returns (
    return_id  TEXT PRIMARY KEY,
    sku        TEXT NOT NULL REFERENCES products (sku),
    serial     TEXT,
    parcel_id  TEXT,
    line_no    INTEGER NOT NULL DEFAULT 0,
    grade      TEXT NOT NULL CHECK (grade IN ('good', 'quarantine', 'repair', 'scrap')),
    place      TEXT NOT NULL,
    badge      TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX returns_by_parcel ON returns (parcel_id, line_no) WHERE parcel_id IS NOT NULL;
CREATE INDEX returns_aside ON returns (at_ms) WHERE grade IN ('quarantine', 'repair');
CREATE INDEX returns_by_time ON returns (at_ms);
CREATE INDEX returns_by_serial ON returns (serial, at_ms) WHERE serial IS NOT NULL;
