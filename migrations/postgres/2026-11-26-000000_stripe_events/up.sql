-- Events from Stripe and their outcome. An event is processed, with `error` saying why if it had no effect, or it failed,
-- with the reason in `error`.
CREATE TABLE stripe_events (
    id TEXT PRIMARY KEY NOT NULL CONSTRAINT stripe_events_id_length CHECK (length(id) BETWEEN 1 AND 255),
    kind TEXT NOT NULL CONSTRAINT stripe_events_kind_length CHECK (length(kind) BETWEEN 1 AND 100),
    created_at TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    processed_at TIMESTAMP,
    attempts INTEGER NOT NULL CONSTRAINT stripe_events_attempts_check CHECK (attempts > 0),
    error TEXT CONSTRAINT stripe_events_error_length CHECK (length(error) BETWEEN 1 AND 1000),
    payload TEXT NOT NULL,
    CONSTRAINT stripe_events_processed_or_failed CHECK (processed_at IS NOT NULL OR error IS NOT NULL)
);

CREATE INDEX stripe_events_received_at_id ON stripe_events (received_at, id);
CREATE INDEX stripe_events_failed ON stripe_events (received_at, id) WHERE processed_at IS NULL;
CREATE INDEX stripe_events_processed_at ON stripe_events (processed_at) WHERE processed_at IS NOT NULL;

-- The newest state of each subscription. Events may arrive in any order; the columns below say which of two is newer.
CREATE TABLE stripe_subscriptions (
    id TEXT PRIMARY KEY NOT NULL CONSTRAINT stripe_subscriptions_id_length CHECK (length(id) BETWEEN 1 AND 255),
    stripe_customer_id TEXT CONSTRAINT stripe_subscriptions_customer_length CHECK (length(stripe_customer_id) <= 255),
    -- Not a foreign key, because events about a deleted user's subscription still arrive.
    auth_user_id TEXT CONSTRAINT stripe_subscriptions_user_length CHECK (length(auth_user_id) BETWEEN 1 AND 255),
    status TEXT,
    price_id TEXT CONSTRAINT stripe_subscriptions_price_length CHECK (length(price_id) <= 255),
    period_start TIMESTAMP,
    period_end TIMESTAMP,
    cancel_at_period_end BOOLEAN NOT NULL DEFAULT false,
    -- The event that reported the five columns above; NULL while only other kinds of events named the subscription. Events
    -- of the same second are ordered by rank, then by id.
    event_created_at TIMESTAMP,
    event_rank INTEGER NOT NULL DEFAULT 0,
    event_id TEXT,
    -- The latest period for which an invoice was paid. Never decreases.
    paid_from TIMESTAMP,
    paid_until TIMESTAMP
);

CREATE INDEX stripe_subscriptions_auth_user_id ON stripe_subscriptions (auth_user_id);
CREATE INDEX stripe_subscriptions_orphans ON stripe_subscriptions (stripe_customer_id) WHERE auth_user_id IS NULL;

ALTER TABLE customers ADD COLUMN stripe_cancel_at_period_end BOOLEAN NOT NULL DEFAULT false;
