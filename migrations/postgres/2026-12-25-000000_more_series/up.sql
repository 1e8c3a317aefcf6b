-- More of what admin.series shows: active users, revenue, and failed events of Stripe. As with the first series, triggers
-- maintain the sums, and a copy of a database takes these rows as they are.

-- Nothing is missing below: the locks wait for all writers and block new ones until the commit. They are taken in the order in
-- which running servers take them: the audit entry of an event is written before the event.
LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE;
LOCK TABLE stripe_events IN SHARE ROW EXCLUSIVE MODE;

-- Who has changed something on a day, which is found in the audit log too. It is here so that each user counts once a day.
CREATE TABLE active_users (
    day TIMESTAMP NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (day, user_id)
);

CREATE TABLE active_days (
    day TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    users BIGINT NOT NULL,
    PRIMARY KEY (day, shard)
) WITH (fillfactor = 50);

INSERT INTO active_users (day, user_id)
SELECT DISTINCT date_trunc('day', created_at), actor_id FROM audit_log
WHERE actor_id NOT IN ('cli', 'bootstrap', 'stripe', 'server');

INSERT INTO active_days (day, shard, users) SELECT day, 0, count(*) FROM active_users GROUP BY 1;

-- The four actors are no users. Most entries are of users who count already, and then the sum is not touched.
CREATE FUNCTION note_active_users() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    days TIMESTAMP[];
BEGIN
    WITH noted AS (
        INSERT INTO active_users (day, user_id)
        SELECT DISTINCT date_trunc('day', created_at), actor_id FROM entered
        WHERE actor_id NOT IN ('cli', 'bootstrap', 'stripe', 'server') ORDER BY 1, 2
        ON CONFLICT DO NOTHING RETURNING day
    )
    SELECT array_agg(day) INTO days FROM noted;
    IF days IS NOT NULL THEN
        INSERT INTO active_days (day, shard, users)
        SELECT day, pg_backend_pid() % 16, count(*) FROM unnest(days) AS noted (day) GROUP BY 1 ORDER BY 1
        ON CONFLICT (day, shard) DO UPDATE SET users = active_days.users + EXCLUDED.users;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_log_series_insert AFTER INSERT ON audit_log REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION note_active_users();

-- Paid invoices, each once, however often Stripe reports it. Amounts are in the smallest unit of the currency.
CREATE TABLE payments (
    invoice_id TEXT PRIMARY KEY NOT NULL CONSTRAINT payments_invoice_id_length CHECK (length(invoice_id) BETWEEN 1 AND 255),
    paid_at TIMESTAMP NOT NULL,
    plan TEXT NOT NULL CONSTRAINT payments_plan_check CHECK (plan IN ('PRO', 'BUSINESS')),
    currency TEXT NOT NULL CONSTRAINT payments_currency_length CHECK (length(currency) = 3),
    amount BIGINT NOT NULL CONSTRAINT payments_amount_check CHECK (amount > 0)
);

CREATE TABLE revenue_months (
    month TIMESTAMP NOT NULL,
    plan TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (month, plan, currency)
) WITH (fillfactor = 50);

-- Events are processed one at a time, so there are no shards.
CREATE FUNCTION note_payments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_months (month, plan, currency, amount)
    SELECT date_trunc('month', paid_at), plan, currency, sum(amount) FROM entered GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (month, plan, currency) DO UPDATE SET amount = revenue_months.amount + EXCLUDED.amount;
    RETURN NULL;
END
$$;

CREATE TRIGGER payments_series_insert AFTER INSERT ON payments REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION note_payments();

-- Events of Stripe that failed when they arrived, by that day, also if they were processed later.
CREATE TABLE webhook_failure_days (
    day TIMESTAMP PRIMARY KEY NOT NULL,
    events BIGINT NOT NULL
) WITH (fillfactor = 50);

INSERT INTO webhook_failure_days (day, events)
SELECT date_trunc('day', received_at), count(*) FROM stripe_events WHERE processed_at IS NULL OR attempts > 1 GROUP BY 1;

CREATE FUNCTION note_webhook_failures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_failure_days (day, events)
    SELECT date_trunc('day', received_at), count(*) FROM entered WHERE processed_at IS NULL GROUP BY 1 ORDER BY 1
    ON CONFLICT (day) DO UPDATE SET events = webhook_failure_days.events + EXCLUDED.events;
    RETURN NULL;
END
$$;

CREATE TRIGGER stripe_events_series_insert AFTER INSERT ON stripe_events REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION note_webhook_failures();
