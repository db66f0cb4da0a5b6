-- Warehouses that have not told a restored hub everything yet; see the same table for SQLite.
CREATE TABLE recovering (
    node     text COLLATE "C" PRIMARY KEY,
    reported bigint NOT NULL DEFAULT 0
);

CREATE TABLE recovering_logs (
    node        text COLLATE "C" NOT NULL,
    incarnation bigint NOT NULL,
    head_seq    bigint NOT NULL,
    PRIMARY KEY (node, incarnation)
);
