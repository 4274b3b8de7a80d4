-- As before, with what most batches do not need left out of their way.
CREATE OR REPLACE FUNCTION append_batch(
    base bigint,
    -- What the batch mentions. Streams that are assumed to be empty and are not written
    -- to are marked; what is written shows by itself whether it was there.
    command_ids uuid[],
    stream_types text[], stream_ids text[], assumed_empty boolean[],
    scopes text[], names text[],
    -- The events to write.
    new_positions bigint[], new_types text[], new_ids text[], new_sequences bigint[],
    new_event_types text[], new_event_versions text[], new_payloads text[],
    new_metadata text[], new_times timestamptz[], new_previous bytea[], new_hashes bytea[],
    -- The commands and reservations to write.
    new_commands uuid[], new_fingerprints bytea[], new_firsts bigint[], new_lasts bigint[],
    new_scopes text[], new_names text[], new_owners text[]
) RETURNS TABLE (kind smallint, place bigint, first bigint, last bigint, hash bytea, owner text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    head bigint;
BEGIN
    -- Not locked unless it is the one: a lock alone would make a transaction of it,
    -- with a flush to disk, also when nothing is written.
    SELECT position INTO head FROM log_head WHERE position = base FOR UPDATE;
    IF FOUND AND true = ANY (assumed_empty) THEN
        SELECT INTO head base WHERE NOT EXISTS (
            SELECT FROM unnest(stream_types, stream_ids, assumed_empty) AS s (kind, id, is_empty)
            CROSS JOIN LATERAL (SELECT FROM events
                WHERE aggregate_type = s.kind AND aggregate_id = s.id LIMIT 1) AS e
            WHERE s.is_empty
        );
    END IF;
    IF head = base THEN
        BEGIN
            IF cardinality(new_scopes) > 0 THEN
                INSERT INTO reservations (scope, value, owner)
                SELECT * FROM unnest(new_scopes, new_names, new_owners);
            END IF;
            WITH written_commands AS (
                INSERT INTO commands (id, fingerprint, first_position, last_position)
                SELECT * FROM unnest(new_commands, new_fingerprints, new_firsts, new_lasts)
            )
            INSERT INTO events (position, aggregate_type, aggregate_id, sequence, event_type,
                event_version, payload, metadata, recorded_at, previous_hash, hash)
            SELECT n.position, n.kind, n.id, n.sequence, n.event_type,
                n.event_version, n.payload::json, n.metadata::json, n.recorded_at,
                n.previous, n.own
            FROM unnest(new_positions, new_types, new_ids, new_sequences, new_event_types,
                new_event_versions, new_payloads, new_metadata, new_times, new_previous,
                new_hashes)
            AS n (position, kind, id, sequence, event_type,
                event_version, payload, metadata, recorded_at, previous, own);
            RETURN QUERY SELECT 3::int2, 0::int8, head, 1::int8, NULL::bytea, NULL::text;
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            -- A command, a reservation or a stream is there already.
            NULL;
        END;
    END IF;
    RETURN QUERY
        SELECT 3::int2, 0::int8, position, 0::int8, NULL::bytea, NULL::text FROM log_head
        UNION ALL
        SELECT 0::int2, c.place, k.first_position, k.last_position, k.fingerprint, NULL
        FROM unnest(command_ids) WITH ORDINALITY AS c (id, place)
        CROSS JOIN LATERAL (SELECT * FROM commands WHERE id = c.id LIMIT 1) AS k
        UNION ALL
        SELECT 1::int2, s.place, e.sequence, NULL, e.hash, NULL
        FROM unnest(stream_types, stream_ids) WITH ORDINALITY AS s (kind, id, place)
        CROSS JOIN LATERAL (SELECT sequence, hash FROM events
            WHERE aggregate_type = s.kind AND aggregate_id = s.id
            ORDER BY sequence DESC LIMIT 1) AS e
        UNION ALL
        SELECT 2::int2, v.place, NULL, NULL, NULL, r.owner
        FROM unnest(scopes, names) WITH ORDINALITY AS v (scope, value, place)
        CROSS JOIN LATERAL (SELECT owner FROM reservations
            WHERE scope = v.scope AND value = v.value LIMIT 1) AS r;
END
$$;

-- Positions have no gaps, whoever writes; the head moves here, so that it is where the
-- events end. The streams' chains are not looked up here: that was a quarter of an
-- append. A stream's versions are unique, its writer only appends to what it knows to
-- be the end, and whoever reads finds what does not fit.
CREATE OR REPLACE FUNCTION events_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE log_head SET position = n.highest
    FROM (SELECT count(*) AS amount, min(position) AS lowest, max(position) AS highest
        FROM added) AS n
    WHERE log_head.position = n.lowest - 1 AND n.highest = log_head.position + n.amount;
    IF NOT FOUND AND EXISTS (SELECT FROM added) THEN
        RAISE EXCEPTION 'events are appended in order'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

-- As before, with documents as text: this program writes and reads them, and a type
-- that checks every one of them was a tenth of what a rebuild costs the server.
CREATE OR REPLACE FUNCTION read_models.create_tables(projection text, version integer) RETURNS void
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
            doc text NOT NULL
        ) %s', name, settings);
    WHEN 'keys' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            created_position bigint NOT NULL,
            account_id uuid NOT NULL,
            status text NOT NULL,
            doc text NOT NULL
        ) %s', name, settings);
    WHEN 'sessions' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            created_position bigint NOT NULL,
            account_id uuid NOT NULL,
            key_id uuid NOT NULL,
            status text NOT NULL,
            kind text NOT NULL,
            doc text NOT NULL
        ) %s', name, settings);
    WHEN 'parties' THEN
        EXECUTE format('CREATE TABLE read_models.%I (
            id text PRIMARY KEY,
            doc text NOT NULL
        ) %s', name, settings);
        -- Who signs in the sessions whose rounds run.
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid PRIMARY KEY,
            doc text NOT NULL
        )', name || '_running');
    WHEN 'timeline' THEN
        -- Some entries of a session, from a position on.
        EXECUTE format('CREATE TABLE read_models.%I (
            id uuid NOT NULL,
            position bigint NOT NULL,
            doc text NOT NULL,
            PRIMARY KEY (id, position)
        ) %s', name, settings);
    END CASE;
    -- Nobody looks for rows by it.
    EXECUTE format('ALTER TABLE read_models.%I ALTER COLUMN doc SET STATISTICS 0', name);
END $$;

DO $$
DECLARE
    tables text[];
BEGIN
    SELECT INTO tables array_agg(relation.oid::regclass::text)
    FROM pg_class AS relation JOIN pg_attribute AS attribute ON attrelid = relation.oid
    WHERE relnamespace = 'read_models'::regnamespace AND relkind = 'r'
        AND attname = 'doc' AND atttypid = 'json'::regtype;
    FOR i IN 1 .. coalesce(cardinality(tables), 0) LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN doc TYPE text,
            ALTER COLUMN doc SET STATISTICS 0', tables[i]);
    END LOOP;
END $$;
