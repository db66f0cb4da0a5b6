-- Numbers that couriers handed out in advance, one row each, for ever: a number is on one label in
-- the world. `position` is the order in which they were handed in and are lent; `place` counts the
-- numbers ever lent to the warehouse for the courier, 0 for a number that was never lent.
CREATE TABLE waybill_numbers (
    number     text COLLATE "C" PRIMARY KEY,
    courier    text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL CHECK (state IN ('free', 'leased', 'used', 'burnt')),
    position   bigint NOT NULL,
    warehouse  text COLLATE "C" NOT NULL DEFAULT '',
    place      bigint NOT NULL DEFAULT 0,
    parcel_id  text COLLATE "C" NOT NULL DEFAULT '',
    changed_ms bigint NOT NULL,
    CHECK (state <> 'free' OR warehouse = '' AND place = 0 AND parcel_id = ''),
    CHECK (state <> 'leased' OR warehouse <> '' AND place > 0 AND parcel_id = ''),
    CHECK (state <> 'used' OR parcel_id <> '')
);
CREATE INDEX waybill_numbers_by_state ON waybill_numbers (courier, state, warehouse, position);
CREATE INDEX waybill_numbers_by_use ON waybill_numbers (changed_ms) WHERE state = 'used';
CREATE UNIQUE INDEX waybill_numbers_by_place ON waybill_numbers (warehouse, courier, place)
    WHERE place > 0;

-- What one warehouse was ever lent for one courier. `level` is head office's own wish for the free
-- numbers there; NULL follows the use. `recall_id` is a request to return some, not answered yet.
CREATE TABLE waybill_leases (
    warehouse text COLLATE "C" NOT NULL,
    courier   text COLLATE "C" NOT NULL,
    leased    bigint NOT NULL DEFAULT 0 CHECK (leased >= 0),
    level     bigint CHECK (level >= 0),
    recall_id text COLLATE "C" NOT NULL DEFAULT '',
    asked_ms  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (warehouse, courier)
);

-- Parcels whose number a courier issues only when asked: how often it was asked, and when next.
CREATE TABLE waybill_requests (
    parcel_id  text COLLATE "C" PRIMARY KEY,
    tries      bigint NOT NULL DEFAULT 0,
    due_ms     bigint NOT NULL DEFAULT 0,
    trouble    text COLLATE "C" NOT NULL DEFAULT '',
    given_up   bigint NOT NULL DEFAULT 0
);
CREATE INDEX parcels_without_waybill ON parcels (courier, parcel_id)
    WHERE waybill IS NULL AND released_ms IS NOT NULL;
