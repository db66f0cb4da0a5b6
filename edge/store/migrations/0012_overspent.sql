-- Rights that two machines with one identity both spent. They are inside `granted`, so that what was
-- spent never exceeds it, and are no part of what head office ever granted.
ALTER TABLE quotas ADD COLUMN overspent INTEGER NOT NULL DEFAULT 0;
