-- A batch is written and looked up by statements of the program's own; what the function
-- and its block for errors took beside them was an eighth of an append.
DROP FUNCTION append_batch(
    bigint, uuid[], text[], text[], boolean[], text[], text[],
    bigint[], text[], text[], bigint[], text[], text[], text[], text[], timestamptz[],
    bytea[], bytea[], uuid[], bytea[], bigint[], bigint[], text[], text[], text[]
);
