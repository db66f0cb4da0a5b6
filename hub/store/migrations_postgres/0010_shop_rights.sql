-- Shops that sell from a quota of their own; see the same columns for SQLite.
ALTER TABLE channel_shops ADD COLUMN mode text COLLATE "C" NOT NULL DEFAULT 'shared'
    CHECK (mode IN ('shared', 'strict'));
ALTER TABLE channel_shops ADD COLUMN strict_below bigint NOT NULL DEFAULT 0
    CHECK (strict_below >= 0);
ALTER TABLE channel_shops ADD COLUMN quota_min bigint NOT NULL DEFAULT 1 CHECK (quota_min >= 0);

ALTER TABLE channel_listings ADD COLUMN mode text COLLATE "C" NOT NULL DEFAULT ''
    CHECK (mode IN ('', 'shared', 'strict'));
ALTER TABLE channel_listings ADD COLUMN strict bigint NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN target bigint NOT NULL DEFAULT 0 CHECK (target >= 0);
ALTER TABLE channel_listings ADD COLUMN fixed bigint CHECK (fixed >= 0);
ALTER TABLE channel_listings ADD COLUMN speed bigint NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN speed_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN seen bigint;
ALTER TABLE channel_listings ADD COLUMN seen_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN drift bigint NOT NULL DEFAULT 0;
