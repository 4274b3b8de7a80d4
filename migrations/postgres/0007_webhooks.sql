-- Who subscribed to events, and how far each has got. `revision` goes up with every
-- write, and a write names the one that it was made from.
CREATE TABLE webhook_subscriptions (
    id uuid PRIMARY KEY,
    revision bigint NOT NULL CHECK (revision > 0),
    document jsonb NOT NULL
) WITH (fillfactor = 50);

-- Events that a receiver did not take, set aside so that the rest could go on.
CREATE TABLE webhook_dead_letters (
    subscription uuid NOT NULL REFERENCES webhook_subscriptions ON DELETE CASCADE,
    position bigint NOT NULL CHECK (position > 0),
    document jsonb NOT NULL,
    PRIMARY KEY (subscription, position)
);
