-- "CSIG": tells this file from any other SQLite database.
PRAGMA application_id = 1129531719;

-- A superset of the columns that postgres-es expects.
CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    aggregate_type TEXT NOT NULL,
    aggregate_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_version TEXT NOT NULL,
    payload TEXT NOT NULL,
    metadata TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    previous_hash BLOB NOT NULL CHECK (length(previous_hash) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    UNIQUE (aggregate_type, aggregate_id, sequence)
) STRICT;

-- Positions and sequences have no gaps, whoever writes.
CREATE TRIGGER events_in_order BEFORE INSERT ON events
WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM events)
    OR NEW.sequence <> (
        SELECT coalesce(max(sequence), 0) + 1 FROM events
        WHERE aggregate_type = NEW.aggregate_type AND aggregate_id = NEW.aggregate_id
    )
BEGIN
    SELECT RAISE(ABORT, 'events are appended in order');
END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'events never change');
END;

CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;

-- One row for each command appended; first_position = last_position + 1 for a
-- command without events.
CREATE TABLE commands (
    id TEXT NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Values that are unique in a scope.
CREATE TABLE reservations (
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (scope, value)
) STRICT, WITHOUT ROWID;
