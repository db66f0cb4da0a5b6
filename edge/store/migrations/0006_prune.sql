-- Old lines of a log are dropped once head office has them in a proven backup and they are old.
-- What the dropped lines were is kept as a count per kind, written in the same transaction, so that
-- the books still prove the whole log. `logs.base_anchor` ties the counts to the hash at which the
-- kept part of the log begins.
CREATE TABLE dropped_facts (
    incarnation INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    facts       INTEGER NOT NULL CHECK (facts > 0),
    PRIMARY KEY (incarnation, kind)
) STRICT, WITHOUT ROWID;
ALTER TABLE logs ADD COLUMN base_anchor BLOB NOT NULL DEFAULT x'';

-- How many facts of each kind this node ever wrote, dropped ones included.
CREATE VIEW fact_counts AS
    SELECT kind, sum(facts) AS facts FROM (
        SELECT kind, count(*) AS facts FROM facts GROUP BY kind
        UNION ALL SELECT kind, facts FROM dropped_facts
    ) GROUP BY kind;
