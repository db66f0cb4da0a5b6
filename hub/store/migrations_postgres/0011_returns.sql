-- Units that came back from customers. `set_aside`: on hand, but not good (quarantine, repair), so
-- that no right to promise them exists. `returned`: units of a parcel's line that came back.
ALTER TABLE on_hand ADD COLUMN set_aside bigint NOT NULL DEFAULT 0;
ALTER TABLE parcel_lines ADD COLUMN returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0);
