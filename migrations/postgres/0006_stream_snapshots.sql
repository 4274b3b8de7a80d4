-- States of long streams, kept so that a past one need not be folded from the stream's
-- first event. All of it can be thrown away at any time: TRUNCATE stream_snapshots.
--
-- Not logged: after a crash of the server it is empty, and is filled again by those who
-- look at long streams. Readers trust no row: each names the program that wrote it, the
-- hash of the event it was taken at, and a sum over itself.
CREATE UNLOGGED TABLE stream_snapshots (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    sequence bigint NOT NULL,
    code text NOT NULL,
    hash bytea NOT NULL,
    sum bytea NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, position)
);
