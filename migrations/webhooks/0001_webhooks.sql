-- The same as the tables of the production mode.
CREATE TABLE webhook_subscriptions (
    id blob PRIMARY KEY NOT NULL,
    revision integer NOT NULL CHECK (revision > 0),
    document text NOT NULL
) STRICT;

CREATE TABLE webhook_dead_letters (
    subscription blob NOT NULL REFERENCES webhook_subscriptions (id) ON DELETE CASCADE,
    position integer NOT NULL CHECK (position > 0),
    document text NOT NULL,
    PRIMARY KEY (subscription, position)
) STRICT, WITHOUT ROWID;
