-- More of what admin.series shows: active users, revenue, and failed events of Stripe. As with the first series, triggers
-- maintain the sums, and a copy of a database takes these rows as they are. A migration that rebuilds audit_log or stripe_events
-- must create their triggers again.

-- Who has changed something on a day, which is found in the audit log too. It is here so that each user counts once a day.
CREATE TABLE active_users (
    day TIMESTAMP NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (day, user_id)
) WITHOUT ROWID;

CREATE TABLE active_days (
    day TIMESTAMP NOT NULL,
    shard INTEGER NOT NULL,
    users BIGINT NOT NULL,
    PRIMARY KEY (day, shard)
) WITHOUT ROWID;

INSERT INTO active_users (day, user_id)
SELECT DISTINCT substr(created_at, 1, 10) || ' 00:00:00', actor_id FROM audit_log
WHERE actor_id NOT IN ('cli', 'bootstrap', 'stripe', 'server');

INSERT INTO active_days (day, shard, users) SELECT day, 0, count(*) FROM active_users GROUP BY 1;

-- The four actors are no users.
CREATE TRIGGER audit_log_series_insert AFTER INSERT ON audit_log
WHEN NEW.actor_id NOT IN ('cli', 'bootstrap', 'stripe', 'server')
BEGIN
    INSERT INTO active_users (day, user_id) VALUES (substr(NEW.created_at, 1, 10) || ' 00:00:00', NEW.actor_id)
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER active_users_series_insert AFTER INSERT ON active_users
BEGIN
    INSERT INTO active_days (day, shard, users) VALUES (NEW.day, 0, 1)
    ON CONFLICT (day, shard) DO UPDATE SET users = users + 1;
END;

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
) WITHOUT ROWID;

CREATE TRIGGER payments_series_insert AFTER INSERT ON payments
BEGIN
    INSERT INTO revenue_months (month, plan, currency, amount)
    VALUES (substr(NEW.paid_at, 1, 7) || '-01 00:00:00', NEW.plan, NEW.currency, NEW.amount)
    ON CONFLICT (month, plan, currency) DO UPDATE SET amount = amount + EXCLUDED.amount;
END;

-- Events of Stripe that failed when they arrived, by that day, also if they were processed later.
CREATE TABLE webhook_failure_days (
    day TIMESTAMP PRIMARY KEY NOT NULL,
    events BIGINT NOT NULL
) WITHOUT ROWID;

INSERT INTO webhook_failure_days (day, events)
SELECT substr(received_at, 1, 10) || ' 00:00:00', count(*) FROM stripe_events
WHERE processed_at IS NULL OR attempts > 1 GROUP BY 1;

CREATE TRIGGER stripe_events_series_insert AFTER INSERT ON stripe_events
WHEN NEW.processed_at IS NULL
BEGIN
    INSERT INTO webhook_failure_days (day, events) VALUES (substr(NEW.received_at, 1, 10) || ' 00:00:00', 1)
    ON CONFLICT (day) DO UPDATE SET events = events + 1;
END;
