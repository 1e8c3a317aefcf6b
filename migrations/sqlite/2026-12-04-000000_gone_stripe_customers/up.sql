-- Stripe customers of users that were deleted at Stripe, or that Stripe did not know. Events about their subscriptions may
-- arrive later.
CREATE TABLE gone_stripe_customers (
    id TEXT PRIMARY KEY NOT NULL CONSTRAINT gone_stripe_customers_id_length CHECK (length(id) BETWEEN 1 AND 255),
    -- Not a foreign key, because the user may be deleted before the Stripe customer.
    auth_user_id TEXT NOT NULL CONSTRAINT gone_stripe_customers_user_length CHECK (length(auth_user_id) BETWEEN 1 AND 255),
    gone_at TIMESTAMP NOT NULL
);

CREATE INDEX gone_stripe_customers_auth_user_id ON gone_stripe_customers (auth_user_id);
