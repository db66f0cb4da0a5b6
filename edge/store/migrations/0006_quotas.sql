-- Rights head office lent to this warehouse's own counter. Each column only grows; what may still be
-- sold is granted - used - returned, and no line cut and no repeated command can make it more.
CREATE TABLE quotas (
    sku      TEXT PRIMARY KEY,
    granted  INTEGER NOT NULL DEFAULT 0,
    used     INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    returned INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
    CHECK (used + returned <= granted)
) STRICT, WITHOUT ROWID;
