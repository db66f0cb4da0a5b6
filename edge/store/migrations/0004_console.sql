-- The lead's pages read by cut-off, by wave, by the hour of packing and by what was solved today.
-- These indexes keep them quick with a hundred thousand parcels on the books.

CREATE INDEX parcels_by_cut_off ON parcels (cut_off_ms, courier, state);
CREATE INDEX parcels_by_wave ON parcels (wave, state) WHERE wave IS NOT NULL;
CREATE INDEX parcels_by_packed ON parcels (packed_ms) WHERE packed_ms IS NOT NULL;
CREATE INDEX waves_unfinished ON waves (cut_off_ms, created_ms) WHERE state <> 'done';
CREATE INDEX pick_lists_by_wave ON pick_lists (wave);
CREATE INDEX exceptions_of_subject ON exceptions (subject, opened_ms);
CREATE INDEX exceptions_by_solved ON exceptions (solved_ms) WHERE solved_ms IS NOT NULL;
