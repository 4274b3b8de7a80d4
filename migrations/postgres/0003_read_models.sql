-- Read models: nothing here that cannot be made again from the events.
--
-- Every projection has tables of its own for each version, read_models.<name>_v<n>.
-- Queries read the active version; a rebuild fills the next one beside it.
--
-- Documents are json, not jsonb: they are read whole, their text stays as it was
-- written (also a NUL that a party put into its words), and storing them is cheaper.

CREATE SCHEMA read_models;

CREATE TABLE read_models.versions (
    projection text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    -- Position of the last event that the rows show; it changes together with them.
    position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    activated_at timestamptz,
    retired_at timestamptz,
    PRIMARY KEY (projection, version)
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX versions_one_active ON read_models.versions (projection)
    WHERE state = 'active';

-- Streams that a version does not follow any more, each with the event that it
-- could not take.
CREATE TABLE read_models.parked (
    projection text NOT NULL,
    version integer NOT NULL,
    position bigint NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    event_type text NOT NULL,
    event_version integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (projection, version, position),
    FOREIGN KEY (projection, version) REFERENCES read_models.versions ON DELETE CASCADE
);

-- The tables of a version, without the indexes that only queries need.
CREATE FUNCTION read_models.create_tables(projection text, version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s_v%s', projection, version);
    -- Rows are not compressed: they are many, short-lived and small.
    settings text := 'WITH (toast_tuple_target = 8160)';
BEGIN
    CASE projection
    WHEN 'accounts' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            created_position bigint NOT NULL,
            username text NOT NULL,
            email text NOT NULL,
            status text NOT NULL,
            doc json NOT NULL
        ) %s', name, settings);
    WHEN 'keys' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            created_position bigint NOT NULL,
            account_id uuid NOT NULL,
            status text NOT NULL,
            doc json NOT NULL
        ) %s', name, settings);
    WHEN 'sessions' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            created_position bigint NOT NULL,
            account_id uuid NOT NULL,
            key_id uuid NOT NULL,
            status text NOT NULL,
            kind text NOT NULL,
            doc json NOT NULL
        ) %s', name, settings);
    WHEN 'parties' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id text PRIMARY KEY,
            doc json NOT NULL
        ) %s', name, settings);
        -- Who signs in the sessions whose rounds run.
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            doc json NOT NULL
        )', name || '_running');
    WHEN 'timeline' THEN
        -- Some entries of a session, from a position on.
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid NOT NULL,
            position bigint NOT NULL,
            doc json NOT NULL,
            PRIMARY KEY (id, position)
        ) %s', name, settings);
    END CASE;
END $$;

-- The indexes that queries need, when the tables have been filled.
CREATE FUNCTION read_models.create_indexes(projection text, version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s_v%s', projection, version);
BEGIN
    CASE projection
    WHEN 'accounts' THEN
        EXECUTE format('CREATE UNIQUE INDEX ON read_models.%I (created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (username, created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (email, created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (status, created_position)
            WHERE status <> ''active''', name);
    WHEN 'keys' THEN
        EXECUTE format('CREATE UNIQUE INDEX ON read_models.%I (created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (account_id, created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (status, created_position)
            WHERE status <> ''active''', name);
    WHEN 'sessions' THEN
        EXECUTE format('CREATE UNIQUE INDEX ON read_models.%I (created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (account_id, created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (key_id, created_position)', name);
        EXECUTE format('CREATE INDEX ON read_models.%I (status, created_position)
            WHERE status <> ''completed''', name);
    ELSE NULL;
    END CASE;
END $$;

CREATE FUNCTION read_models.drop_tables(projection text, version integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text := format('%s_v%s', projection, version);
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS read_models.%I', name);
    IF projection = 'parties' THEN
        EXECUTE format('DROP TABLE IF EXISTS read_models.%I', name || '_running');
    END IF;
END $$;

INSERT INTO read_models.versions (projection, version, state, activated_at)
SELECT name, 1, 'active', clock_timestamp()
FROM unnest(ARRAY['accounts', 'keys', 'sessions', 'parties', 'timeline']) AS name;

SELECT read_models.create_tables(projection, version), read_models.create_indexes(projection, version)
FROM read_models.versions;
