-- The keys of the accounts' personal data, beside the log and no part of it. A key
-- comes with its registration and goes with the erasure, and never changes.
CREATE TABLE personal_keys (
    account TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;

CREATE TRIGGER personal_keys_come_with_a_registration BEFORE INSERT ON personal_keys
WHEN NOT EXISTS (
    SELECT 1 FROM events WHERE aggregate_type = 'account' AND aggregate_id = NEW.account
        AND sequence = 1 AND event_type = 'AccountRegistered'
)
BEGIN
    SELECT RAISE(ABORT, 'a key comes with a registration');
END;

CREATE TRIGGER personal_keys_go_with_an_erasure BEFORE DELETE ON personal_keys
WHEN NOT EXISTS (
    SELECT 1 FROM events WHERE aggregate_type = 'account' AND aggregate_id = OLD.account
        AND event_type = 'AccountErased'
)
BEGIN
    SELECT RAISE(ABORT, 'a key goes with an erasure');
END;

CREATE TRIGGER personal_keys_never_change BEFORE UPDATE ON personal_keys
BEGIN
    SELECT RAISE(ABORT, 'keys never change');
END;

-- Which key names are reserved under: one row, by which to tell it from another.
CREATE TABLE personal_hash_key (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    check_value BLOB NOT NULL CHECK (length(check_value) = 32)
) STRICT;

-- An erasure frees the names of its account.
CREATE INDEX reservations_by_owner ON reservations (owner);
