-- Who does what one process at a time does for all, until when by this server's
-- clock.
CREATE TABLE leases (
    name text COLLATE "C" PRIMARY KEY,
    holder text NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How far followers of the log have come.
CREATE TABLE checkpoints (
    name text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0),
    saved_at timestamptz NOT NULL
) WITH (fillfactor = 50);
