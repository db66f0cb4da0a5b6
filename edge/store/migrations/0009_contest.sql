-- One row while head office has turned this machine away, because another one speaks for the
-- warehouse. `waited` counts steps as in `recoveries`: while there are few, nobody works here.
CREATE TABLE contest (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    waited   INTEGER NOT NULL DEFAULT 0
) STRICT;
