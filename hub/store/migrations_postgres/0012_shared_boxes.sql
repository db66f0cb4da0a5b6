-- Parcels of several orders that leave in one box; see the same file for SQLite.
ALTER TABLE parcels ADD COLUMN joined_to text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE parcels ADD COLUMN release_after_ms bigint NOT NULL DEFAULT 0;
CREATE INDEX parcels_by_box ON parcels (joined_to) WHERE joined_to <> '';
