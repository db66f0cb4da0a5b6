-- A parcel may wait for its waybill number: the courier issues it later, or the lease has run out.
-- SQLite cannot drop NOT NULL, so the table is built anew.
CREATE TABLE parcels_anew (
    parcel_id         TEXT PRIMARY KEY,
    command_id        TEXT NOT NULL UNIQUE,
    order_id          TEXT NOT NULL,
    channel           TEXT NOT NULL,
    shop              TEXT NOT NULL,
    order_no          TEXT NOT NULL,
    courier           TEXT NOT NULL,
    cut_off_ms        INTEGER NOT NULL,
    waybill           TEXT UNIQUE CHECK (waybill <> ''),
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
INSERT INTO parcels_anew (rowid, parcel_id, command_id, order_id, channel, shop, order_no, courier,
    cut_off_ms, waybill, sort_code, recipient, buyer_remark, state, wave, tote, bench, weight_grams,
    manifest, cancel_command_id, assigned_ms, packed_ms, shipped_ms, changed_ms)
    SELECT rowid, parcel_id, command_id, order_id, channel, shop, order_no, courier, cut_off_ms,
    waybill, sort_code, recipient, buyer_remark, state, wave, tote, bench, weight_grams, manifest,
    cancel_command_id, assigned_ms, packed_ms, shipped_ms, changed_ms FROM parcels;
DROP TABLE parcels;
ALTER TABLE parcels_anew RENAME TO parcels;
CREATE INDEX parcels_by_state ON parcels (state, cut_off_ms);
CREATE INDEX parcels_by_tote ON parcels (tote) WHERE tote IS NOT NULL;
CREATE INDEX parcels_by_order ON parcels (order_no);
CREATE INDEX parcels_by_bench ON parcels (bench, packed_ms) WHERE bench IS NOT NULL;
CREATE INDEX parcels_by_cut_off ON parcels (cut_off_ms, courier, state);
CREATE INDEX parcels_by_wave ON parcels (wave, state) WHERE wave IS NOT NULL;
CREATE INDEX parcels_by_packed ON parcels (packed_ms) WHERE packed_ms IS NOT NULL;
-- Closed boxes that stand in their tote on the waiting shelf, for want of a label.
CREATE INDEX parcels_on_shelf ON parcels (packed_ms) WHERE state = 'packed' AND tote IS NOT NULL;

-- Which number a label carries: a parcel may get another one after its first label.
ALTER TABLE print_jobs ADD COLUMN waybill TEXT NOT NULL DEFAULT '';
UPDATE print_jobs SET waybill = coalesce(
    (SELECT p.waybill FROM parcels p WHERE p.parcel_id = print_jobs.document_id), '');

-- Waybill numbers this warehouse alone may use, and those that are void here. `place` counts the
-- numbers ever lent to it for the courier; 0 for a void number that head office had given.
CREATE TABLE waybill_numbers (
    number     TEXT PRIMARY KEY,
    courier    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('free', 'used', 'burnt', 'returned')),
    place      INTEGER NOT NULL DEFAULT 0,
    parcel_id  TEXT NOT NULL DEFAULT '',
    changed_ms INTEGER NOT NULL,
    CHECK (state <> 'free' OR place > 0 AND parcel_id = ''),
    CHECK (state <> 'used' OR parcel_id <> '')
) STRICT, WITHOUT ROWID;
CREATE INDEX waybill_numbers_by_state ON waybill_numbers (courier, state, place);

CREATE TABLE waybill_leases (
    courier   TEXT PRIMARY KEY,
    leased    INTEGER NOT NULL,
    low_water INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
