-- Version 3 of the outbox. Never edited after release; a later version adds a file.
-- Looked for every 30 s: without it that reads the whole table.
CREATE INDEX IF NOT EXISTS undated ON row (boot) WHERE boot IS NOT NULL;
