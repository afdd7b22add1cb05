-- Version 2 of the outbox. Never edited after release; a later version adds a file.
ALTER TABLE row ADD COLUMN crc INTEGER;    -- CRC-32 of seq, at, boot, device and body; null in rows of version 1
