-- The number of the hub's last welcome: whoever shows it is the machine that was welcomed last.
ALTER TABLE node_state ADD COLUMN fence BLOB NOT NULL DEFAULT x'0000000000000000';

-- Where this disk's own log ended before it branched off; its lines behind `from_seq` live on in
-- the new log.
ALTER TABLE recoveries ADD COLUMN had_seq INTEGER NOT NULL DEFAULT 0;

-- Steps in which the hub sent nothing. While there are few, nobody picks, packs or hands over.
ALTER TABLE recoveries ADD COLUMN waited INTEGER NOT NULL DEFAULT 0;

-- Lines of a recovered log whose effects were not entered: another log here tells the same
-- happening (`retold`), or the books do not fit it any more and a person has a task (`misfit`).
CREATE TABLE passed_over (
    incarnation INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    why         TEXT NOT NULL CHECK (why IN ('retold', 'misfit')),
    PRIMARY KEY (incarnation, seq)
) STRICT, WITHOUT ROWID;

-- How many facts of each kind are in these books, dropped ones included; lines that were passed
-- over, or wait to be entered, are not.
DROP VIEW fact_counts;
CREATE VIEW fact_counts AS
    SELECT kind, sum(facts) AS facts FROM (
        SELECT kind, count(*) AS facts FROM facts f
            WHERE NOT EXISTS (SELECT 1 FROM recoveries r WHERE r.incarnation = f.incarnation
                AND NOT r.ended AND f.seq > r.replayed_seq) GROUP BY kind
        UNION ALL SELECT kind, facts FROM dropped_facts
        UNION ALL SELECT kind, -count(*) FROM passed_over GROUP BY kind
    ) GROUP BY kind;
