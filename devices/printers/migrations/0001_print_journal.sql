-- Every label this machine was asked to print, and how far it got.
-- `zpl` is emptied when the job is over: what stays is the proof that it was this label (sha256).
CREATE TABLE jobs (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id   TEXT NOT NULL UNIQUE,
    printer  TEXT NOT NULL,
    zpl      BLOB NOT NULL,
    sha256   TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN (
        'queued', 'sending', 'sent', 'confirmed', 'unknown', 'failed_before_send', 'cancelled')),
    proof    TEXT NOT NULL DEFAULT '',
    trouble  TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_open ON jobs (printer, seq)
    WHERE state IN ('queued', 'sending', 'sent', 'unknown');
