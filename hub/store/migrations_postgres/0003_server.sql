-- What a server needs that a file does not.

-- SQLite's scalar max and min, which the shared statements use.
CREATE FUNCTION max(bigint, bigint) RETURNS bigint IMMUTABLE LANGUAGE sql
    RETURN greatest($1, $2);
CREATE FUNCTION min(bigint, bigint) RETURNS bigint IMMUTABLE LANGUAGE sql
    RETURN least($1, $2);

-- The public half of the key the warehouses know. Every hub process on these books must own the
-- same key, or edges would be turned away by whichever process takes over.
CREATE TABLE sync_key (
    only_row   bigint PRIMARY KEY CHECK (only_row = 1),
    public_key text COLLATE "C" NOT NULL
);

-- The account every promise changes; room on the page keeps its updates off the indexes.
ALTER TABLE rights SET (fillfactor = 70);
