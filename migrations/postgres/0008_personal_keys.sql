-- The keys of the accounts' personal data, beside the log and no part of it. A key
-- comes with its registration and goes with the erasure, and never changes.
CREATE TABLE personal_keys (
    account uuid PRIMARY KEY,
    key bytea NOT NULL CHECK (length(key) = 32)
);

CREATE FUNCTION personal_key_comes_and_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM events
            WHERE aggregate_type = 'account' AND aggregate_id = NEW.account::text
            AND sequence = 1 AND event_type = 'AccountRegistered')
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a key comes with a registration'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF EXISTS (SELECT FROM events
        WHERE aggregate_type = 'account' AND aggregate_id = OLD.account::text
        AND event_type = 'AccountErased')
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a key goes with an erasure'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER personal_keys_come_and_go BEFORE INSERT OR DELETE ON personal_keys
FOR EACH ROW EXECUTE FUNCTION personal_key_comes_and_goes();

CREATE TRIGGER personal_keys_never_change BEFORE UPDATE OR TRUNCATE ON personal_keys
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

ALTER TABLE personal_keys ENABLE ALWAYS TRIGGER personal_keys_come_and_go;
ALTER TABLE personal_keys ENABLE ALWAYS TRIGGER personal_keys_never_change;

-- Which key names are reserved under: one row, by which to tell it from another.
CREATE TABLE personal_hash_key (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    check_value bytea NOT NULL CHECK (length(check_value) = 32)
);

CREATE TRIGGER personal_hash_key_never_changes
BEFORE UPDATE OR DELETE OR TRUNCATE ON personal_hash_key
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

-- An erasure frees the names of its account. Those that were reserved in clear before
-- names were hashed go when they have been reserved anew.
CREATE INDEX reservations_by_owner ON reservations (owner);

DROP TRIGGER reservations_never_change ON reservations;

CREATE TRIGGER reservations_never_change BEFORE UPDATE OR TRUNCATE ON reservations
FOR EACH STATEMENT EXECUTE FUNCTION never_changes();

CREATE FUNCTION reservation_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.scope IN ('username', 'email') OR EXISTS (SELECT FROM events
        WHERE aggregate_type = 'account' AND aggregate_id = OLD.owner
        AND event_type = 'AccountErased')
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% of % is refused: the log only grows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER reservations_go_with_an_erasure BEFORE DELETE ON reservations
FOR EACH ROW EXECUTE FUNCTION reservation_goes();

ALTER TABLE reservations ENABLE ALWAYS TRIGGER reservations_never_change;
ALTER TABLE reservations ENABLE ALWAYS TRIGGER reservations_go_with_an_erasure;

-- After a batch was appended, in the same transaction: what it does to keys and names.
CREATE FUNCTION change_personal_keys(kept uuid[], keys bytea[], erased uuid[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO personal_keys (account, key) SELECT * FROM unnest(kept, keys);
    DELETE FROM personal_keys WHERE account = ANY (erased);
    DELETE FROM reservations WHERE owner = ANY (SELECT id::text FROM unnest(erased) AS id);
$$;
