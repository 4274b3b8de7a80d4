-- Versions of projections that show the past: filled up to a position, read by people,
-- never swapped in, and kept until they are dropped.
ALTER TABLE read_models.versions
    DROP CONSTRAINT versions_state_check,
    ADD CONSTRAINT versions_state_check
        CHECK (state IN ('building', 'active', 'retired', 'past'));
