-- What Graph calls keyStrength: `normal`, or `weak` for a key with a known weakness. Keys of before were not looked at.

ALTER TABLE keys ADD COLUMN strength TEXT NOT NULL DEFAULT 'normal';
