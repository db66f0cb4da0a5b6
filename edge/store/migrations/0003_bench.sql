-- What the packing bench, the weigh gate and the printers need on top of the floor.

-- A serial number read at scan-out must not be in another open parcel.
CREATE INDEX parcel_serials_by_serial ON parcel_serials (serial);
CREATE INDEX weighings_by_parcel ON weighings (parcel_id);
CREATE INDEX weighings_by_time ON weighings (at_ms);
CREATE INDEX parcels_by_bench ON parcels (bench, packed_ms) WHERE bench IS NOT NULL;

-- Who let a weight outside its window pass, or typed a weight by hand, and why. Append only.
CREATE TABLE weight_overrides (
    weighing_id TEXT PRIMARY KEY REFERENCES weighings (weighing_id),
    kind        TEXT NOT NULL CHECK (kind IN ('passed', 'manual')),
    badge       TEXT NOT NULL,
    reason      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
