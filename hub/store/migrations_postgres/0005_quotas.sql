-- Rights lent to counters and shops, and debts of rights; see the same tables for SQLite.
ALTER TABLE rights ADD COLUMN lent bigint NOT NULL DEFAULT 0 CHECK (lent >= 0);
ALTER TABLE rights ADD COLUMN sold bigint NOT NULL DEFAULT 0 CHECK (sold >= 0);
ALTER TABLE rights DROP CONSTRAINT rights_check;
ALTER TABLE rights ADD CONSTRAINT rights_check
    CHECK (minted = pool + held + ordered + lent + shipped + sold + burnt);

CREATE TABLE quotas (
    warehouse      text COLLATE "C" NOT NULL,
    holder         text COLLATE "C" NOT NULL,
    sku            text COLLATE "C" NOT NULL,
    target         bigint NOT NULL DEFAULT 0 CHECK (target >= 0),
    granted        bigint NOT NULL DEFAULT 0 CHECK (granted >= 0),
    returned       bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    used           bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    units          bigint NOT NULL DEFAULT 0 CHECK (units >= 0),
    recall_id      text COLLATE "C" NOT NULL DEFAULT '',
    asked_ms       bigint NOT NULL DEFAULT 0,
    written_off_ms bigint,
    PRIMARY KEY (warehouse, holder, sku)
);
CREATE INDEX quotas_by_sku ON quotas (sku, warehouse);

CREATE TABLE rights_debts (
    sku       text COLLATE "C" NOT NULL,
    warehouse text COLLATE "C" NOT NULL,
    account   text COLLATE "C" NOT NULL,
    units     bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (sku, warehouse, account)
);
