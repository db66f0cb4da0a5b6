-- Parcels of several orders to one door that leave in one box: `joined_to` is the parcel whose waybill
-- is on it, for that one too. Until `release_after_ms` a parcel waits for company.
ALTER TABLE parcels ADD COLUMN joined_to TEXT NOT NULL DEFAULT '';
ALTER TABLE parcels ADD COLUMN release_after_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX parcels_by_box ON parcels (joined_to) WHERE joined_to <> '';
