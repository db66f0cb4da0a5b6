-- Numbers that couriers handed out in advance, one row each, for ever: a number is on one label in
-- the world. `position` is the order in which they were handed in and are lent; `place` counts the
-- numbers ever lent to the warehouse for the courier, 0 for a number that was never lent.
CREATE TABLE waybill_numbers (
    number     TEXT PRIMARY KEY,
    courier    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('free', 'leased', 'used', 'burnt')),
    position   INTEGER NOT NULL,
    warehouse  TEXT NOT NULL DEFAULT '',
    place      INTEGER NOT NULL DEFAULT 0,
    parcel_id  TEXT NOT NULL DEFAULT '',
    changed_ms INTEGER NOT NULL,
    CHECK (state <> 'free' OR warehouse = '' AND place = 0 AND parcel_id = ''),
    CHECK (state <> 'leased' OR warehouse <> '' AND place > 0 AND parcel_id = ''),
    CHECK (state <> 'used' OR parcel_id <> '')
) STRICT, WITHOUT ROWID;
CREATE INDEX waybill_numbers_by_state ON waybill_numbers (courier, state, warehouse, position);
CREATE INDEX waybill_numbers_by_use ON waybill_numbers (changed_ms) WHERE state = 'used';
CREATE UNIQUE INDEX waybill_numbers_by_place ON waybill_numbers (warehouse, courier, place)
    WHERE place > 0;

-- What one warehouse was ever lent for one courier. `level` is head office's own wish for the free
-- numbers there; NULL follows the use. `recall_id` is a request to return some, not answered yet.
CREATE TABLE waybill_leases (
    warehouse TEXT NOT NULL,
    courier   TEXT NOT NULL,
    leased    INTEGER NOT NULL DEFAULT 0 CHECK (leased >= 0),
    level     INTEGER CHECK (level >= 0),
    recall_id TEXT NOT NULL DEFAULT '',
    asked_ms  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (warehouse, courier)
) STRICT, WITHOUT ROWID;

-- Parcels whose number a courier issues only when asked: how often it was asked, and when next.
CREATE TABLE waybill_requests (
    parcel_id  TEXT PRIMARY KEY,
    tries      INTEGER NOT NULL DEFAULT 0,
    due_ms     INTEGER NOT NULL DEFAULT 0,
    trouble    TEXT NOT NULL DEFAULT '',
    given_up   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX parcels_without_waybill ON parcels (courier, parcel_id)
    WHERE waybill IS NULL AND released_ms IS NOT NULL;
