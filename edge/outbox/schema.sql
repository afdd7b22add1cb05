-- Version 1 of the outbox. Never edited after release; a later version adds a file.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
-- AUTOINCREMENT: a sequence number is never given twice, not even after its row is gone.
CREATE TABLE IF NOT EXISTS row (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  device TEXT NOT NULL,
  at INTEGER NOT NULL,
  keep INTEGER NOT NULL,                   -- 1: never thinned (counters, states, answers to commands)
  acknowledged INTEGER NOT NULL DEFAULT 0,
  boot TEXT,                               -- not null: `at` counts from this boot's start and waits for the clock
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS pending ON row (seq) WHERE acknowledged = 0 AND boot IS NULL;
CREATE INDEX IF NOT EXISTS done ON row (at) WHERE acknowledged = 1;
CREATE TABLE IF NOT EXISTS pack (
  first_seq INTEGER PRIMARY KEY,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  body BLOB NOT NULL
);
