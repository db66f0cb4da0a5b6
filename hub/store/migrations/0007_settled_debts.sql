-- Debts to shops that are settled are kept for a while and then forgotten, oldest first; without
-- this index each look for old ones would read them all.
CREATE INDEX channel_tasks_done ON channel_tasks (changed_ms) WHERE state = 'done';
