-- The event log: a superset of the table that postgres-es 0.5 expects.
--
-- `payload` is json, not jsonb: json keeps the text as it came, which is the
-- canonical form that the hashes are over.
CREATE TABLE events (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    event_type text NOT NULL,
    event_version text NOT NULL,
    payload json NOT NULL,
    metadata json NOT NULL,
    position bigint NOT NULL PRIMARY KEY CHECK (position > 0),
    recorded_at timestamptz NOT NULL,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    UNIQUE (aggregate_type, aggregate_id, sequence)
);

-- One row: the position of the last event. Whoever appends locks it first and keeps
-- it until the commit, so positions become visible in their order.
CREATE TABLE log_head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    position bigint NOT NULL CHECK (position >= 0)
) WITH (fillfactor = 10);

INSERT INTO log_head (position) VALUES (0);

-- One row for each command appended; first_position = last_position + 1 for a
-- command without events.
CREATE TABLE commands (
    id uuid PRIMARY KEY,
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    first_position bigint NOT NULL,
    last_position bigint NOT NULL
);

-- Values that are unique in a scope.
CREATE TABLE reservations (
    scope text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    PRIMARY KEY (scope, value)
);

-- Positions and sequences have no gaps and the hashes are chained, whoever writes.
-- The head moves here, so that it is where the events end.
CREATE FUNCTION events_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head bigint;
    amount bigint;
    lowest bigint;
    highest bigint;
BEGIN
    SELECT count(*), min(position), max(position) INTO amount, lowest, highest FROM added;
    IF amount = 0 THEN
        RETURN NULL;
    END IF;
    SELECT position INTO STRICT head FROM log_head FOR UPDATE;
    IF lowest <> head + 1 OR highest <> head + amount OR EXISTS (
        SELECT FROM added LEFT JOIN events AS before
            ON before.aggregate_type = added.aggregate_type
            AND before.aggregate_id = added.aggregate_id
            AND before.sequence = added.sequence - 1
        WHERE coalesce(before.sequence, 0) <> added.sequence - 1
            OR coalesce(before.hash, decode(repeat('00', 32), 'hex')) <> added.previous_hash
    ) THEN
        RAISE EXCEPTION 'events are appended in order'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE log_head SET position = highest;
    RETURN NULL;
END
$$;

CREATE TRIGGER events_in_order AFTER INSERT ON events
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION events_in_order();

CREATE FUNCTION never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the log only grows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

CREATE TRIGGER commands_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON commands
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

CREATE TRIGGER reservations_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON reservations
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

CREATE TRIGGER log_head_never_goes BEFORE DELETE OR TRUNCATE ON log_head
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

CREATE TRIGGER log_head_never_goes_back BEFORE UPDATE ON log_head
FOR EACH ROW WHEN (NEW.position < OLD.position) EXECUTE FUNCTION never_changes();

-- Also for those who set session_replication_role.
ALTER TABLE events ENABLE ALWAYS TRIGGER events_in_order;
ALTER TABLE events ENABLE ALWAYS TRIGGER events_never_change;
ALTER TABLE commands ENABLE ALWAYS TRIGGER commands_never_change;
ALTER TABLE reservations ENABLE ALWAYS TRIGGER reservations_never_change;
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_never_goes;
ALTER TABLE log_head ENABLE ALWAYS TRIGGER log_head_never_goes_back;
