-- Compares and appends: a batch that was decided on at the head `base` is written if
-- the log is as it was assumed. If not, nothing is written and the answer tells what
-- the log holds of all that the batch mentions.
--
-- Each statement in here sees all that was committed when it begins, so what comes
-- after the lock sees all that was appended before, and the answer is of one moment.
--
-- Rows of the answer: kind 3 is the head, with `last` 1 when the batch was written;
-- 0, 1 and 2 are commands, streams and reservations that are there, each with the
-- place in its array of what it is about. Each thing is looked up on its own, so that
-- no plan ever reads a table from end to end.
CREATE FUNCTION append_batch(
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
    -- Without a lock first: that alone would make a transaction of it, with a flush to
    -- disk, also when nothing is written.
    SELECT position INTO head FROM log_head;
    IF head = base THEN
        SELECT position INTO head FROM log_head FOR UPDATE;
    END IF;
    IF head = base AND NOT EXISTS (
        SELECT FROM unnest(stream_types, stream_ids, assumed_empty) AS s (kind, id, is_empty)
        CROSS JOIN LATERAL (SELECT FROM events
            WHERE aggregate_type = s.kind AND aggregate_id = s.id LIMIT 1) AS e
        WHERE s.is_empty
    ) THEN
        BEGIN
            WITH written_commands AS (
                INSERT INTO commands (id, fingerprint, first_position, last_position)
                SELECT * FROM unnest(new_commands, new_fingerprints, new_firsts, new_lasts)
            ), written_reservations AS (
                INSERT INTO reservations (scope, value, owner)
                SELECT * FROM unnest(new_scopes, new_names, new_owners)
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

-- As before, in one statement.
CREATE OR REPLACE FUNCTION events_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE log_head SET position = n.highest
    FROM (SELECT count(*) AS amount, min(position) AS lowest, max(position) AS highest
        FROM added) AS n
    WHERE log_head.position = n.lowest - 1 AND n.highest = log_head.position + n.amount
    AND NOT EXISTS (
        SELECT FROM added LEFT JOIN events AS before
            ON before.aggregate_type = added.aggregate_type
            AND before.aggregate_id = added.aggregate_id
            AND before.sequence = added.sequence - 1
        WHERE coalesce(before.sequence, 0) <> added.sequence - 1
            OR coalesce(before.hash, decode(repeat('00', 32), 'hex')) <> added.previous_hash
    );
    IF NOT FOUND AND EXISTS (SELECT FROM added) THEN
        RAISE EXCEPTION 'events are appended in order'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
