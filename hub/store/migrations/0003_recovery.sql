-- Warehouses that have not told a restored hub everything yet. While there are any, what they hold
-- is not promised. `reported` is 1 once the edge has greeted this life of the hub. The node `*`
-- stands for a newer hub that runs somewhere: then nothing is promised here at all.
CREATE TABLE recovering (
    node     TEXT PRIMARY KEY,
    reported INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- How far the logs of such a warehouse went when it greeted; the hub waits until it has them all.
CREATE TABLE recovering_logs (
    node        TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    head_seq    INTEGER NOT NULL,
    PRIMARY KEY (node, incarnation)
) STRICT, WITHOUT ROWID;
