-- Rights that somebody else may spend without asking: a warehouse's own counter (`edge`) or a shop
-- on a channel (`shop:<channel>/<shop>`). `lent` is the sum of those accounts, `sold` what went over
-- a counter. SQLite cannot change a CHECK, so the table is built anew.
CREATE TABLE rights_with_quotas (
    sku          TEXT NOT NULL REFERENCES products (sku),
    warehouse    TEXT NOT NULL REFERENCES warehouses (warehouse),
    minted       INTEGER NOT NULL DEFAULT 0,
    pool         INTEGER NOT NULL DEFAULT 0 CHECK (pool >= 0),
    held         INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    ordered      INTEGER NOT NULL DEFAULT 0 CHECK (ordered >= 0),
    lent         INTEGER NOT NULL DEFAULT 0 CHECK (lent >= 0),
    shipped      INTEGER NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    sold         INTEGER NOT NULL DEFAULT 0 CHECK (sold >= 0),
    burnt        INTEGER NOT NULL DEFAULT 0 CHECK (burnt >= 0),
    safety_stock INTEGER NOT NULL DEFAULT 0 CHECK (safety_stock >= 0),
    PRIMARY KEY (sku, warehouse),
    CHECK (minted = pool + held + ordered + lent + shipped + sold + burnt)
) STRICT, WITHOUT ROWID;
INSERT INTO rights_with_quotas
    (sku, warehouse, minted, pool, held, ordered, shipped, burnt, safety_stock)
    SELECT sku, warehouse, minted, pool, held, ordered, shipped, burnt, safety_stock FROM rights;
DROP TABLE rights;
ALTER TABLE rights_with_quotas RENAME TO rights;

-- One row per holder: `granted`, `returned` and `used` only grow, `units` is the holder's account.
-- `recall_id` names a request to return rights that is not answered yet; `asked_ms` when it left.
CREATE TABLE quotas (
    warehouse      TEXT NOT NULL,
    holder         TEXT NOT NULL,
    sku            TEXT NOT NULL,
    target         INTEGER NOT NULL DEFAULT 0 CHECK (target >= 0),
    granted        INTEGER NOT NULL DEFAULT 0 CHECK (granted >= 0),
    returned       INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
    used           INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
    units          INTEGER NOT NULL DEFAULT 0 CHECK (units >= 0),
    recall_id      TEXT NOT NULL DEFAULT '',
    asked_ms       INTEGER NOT NULL DEFAULT 0,
    written_off_ms INTEGER,
    PRIMARY KEY (warehouse, holder, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX quotas_by_sku ON quotas (sku, warehouse);

-- Rights that should stand in `account` but could not be taken from the pool: units that were lost
-- or left while all rights to them were promised or lent. The next units in the pool pay them.
CREATE TABLE rights_debts (
    sku       TEXT NOT NULL,
    warehouse TEXT NOT NULL,
    account   TEXT NOT NULL,
    units     INTEGER NOT NULL CHECK (units > 0),
    PRIMARY KEY (sku, warehouse, account)
) STRICT, WITHOUT ROWID;
