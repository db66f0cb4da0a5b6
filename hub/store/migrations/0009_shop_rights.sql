-- Shops that sell from a quota of their own. A shop's `mode` holds for all its SKUs unless a listing
-- says otherwise; with `strict_below` units or fewer to sell in all, a shared SKU goes by quota too.
ALTER TABLE channel_shops ADD COLUMN mode TEXT NOT NULL DEFAULT 'shared'
    CHECK (mode IN ('shared', 'strict'));
ALTER TABLE channel_shops ADD COLUMN strict_below INTEGER NOT NULL DEFAULT 0
    CHECK (strict_below >= 0);
ALTER TABLE channel_shops ADD COLUMN quota_min INTEGER NOT NULL DEFAULT 1 CHECK (quota_min >= 0);

-- `mode` '': as the shop. `strict`: sold by quota now. `target`: the quota it should have; `fixed`:
-- a person set it. `speed`: units sold lately, as of `speed_ms`. `seen`: what the shop itself showed
-- last, at `seen_ms`; `drift`: how much that differed from what its orders explain.
ALTER TABLE channel_listings ADD COLUMN mode TEXT NOT NULL DEFAULT ''
    CHECK (mode IN ('', 'shared', 'strict'));
ALTER TABLE channel_listings ADD COLUMN strict INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN target INTEGER NOT NULL DEFAULT 0 CHECK (target >= 0);
ALTER TABLE channel_listings ADD COLUMN fixed INTEGER CHECK (fixed >= 0);
ALTER TABLE channel_listings ADD COLUMN speed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN speed_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN seen INTEGER;
ALTER TABLE channel_listings ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel_listings ADD COLUMN drift INTEGER NOT NULL DEFAULT 0;
