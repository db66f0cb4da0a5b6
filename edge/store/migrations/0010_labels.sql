-- What a lead made of a label's looks: every version, the newest in use; an empty body is the
-- template that the program brings.
CREATE TABLE label_templates (
    name    TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    body    TEXT NOT NULL,
    op_id   TEXT NOT NULL UNIQUE,
    actor   TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- Printers as the devices process last told them: labels are drawn for their paper and head.
CREATE TABLE printers (
    printer     TEXT PRIMARY KEY,
    media       TEXT NOT NULL,
    dots_per_mm INTEGER NOT NULL,
    told_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A bench whose printer is down prints on another one until somebody takes that back.
CREATE TABLE bench_printers (
    station TEXT PRIMARY KEY,
    printer TEXT NOT NULL,
    reason  TEXT NOT NULL,
    actor   TEXT NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Carton numbers (SSCC) given out here. They are never given out again.
CREATE TABLE cartons (
    sscc    TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    actor   TEXT NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How a label looked: `template` is empty for labels older than this. `move_to` is the printer a
-- waiting label shall go to once the first one has certainly given it up.
ALTER TABLE print_jobs ADD COLUMN template TEXT NOT NULL DEFAULT '';
ALTER TABLE print_jobs ADD COLUMN template_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE print_jobs ADD COLUMN move_to TEXT NOT NULL DEFAULT '';

-- The courier's handover list.
CREATE INDEX parcels_by_manifest ON parcels (manifest, shipped_ms) WHERE manifest IS NOT NULL;
