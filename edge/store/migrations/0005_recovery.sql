-- A log this node lost a part of: its disk was put back from an old copy, or is a new one. The hub
-- sends the lines back, then their effects are entered into the books again, one by one.
-- `from_seq`: the last line this disk still had. `told_seq`: the last line the hub has, NULL until
-- it was asked. `expected_seq`: a line this node is known to have written, 0 when nobody knows.
-- `down_target`: commands up to here are carried out before the lines are replayed.
CREATE TABLE recoveries (
    incarnation  INTEGER PRIMARY KEY,
    position     INTEGER NOT NULL,
    from_seq     INTEGER NOT NULL,
    expected_seq INTEGER NOT NULL DEFAULT 0,
    told_seq     INTEGER,
    down_target  INTEGER,
    replayed_seq INTEGER NOT NULL,
    conflicts    INTEGER NOT NULL DEFAULT 0,
    ended        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Requests to call a parcel back that came before the parcel's own past was known again.
CREATE TABLE held_commands (
    seq        INTEGER PRIMARY KEY,
    command_id TEXT NOT NULL,
    kind       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    body       BLOB NOT NULL
) STRICT;
