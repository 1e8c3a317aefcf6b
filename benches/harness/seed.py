"""Sample data as `clusterdesk seed` makes it, but by one statement a table, which takes seconds for a million rows.

Every user has a FREE cluster, which every fifth user has deleted. Every third user is a customer, in turn on FREE, PRO and
BUSINESS; those who pay have a cluster on their plan too. So there are 11 clusters for 9 users.
"""

import sqlite3

ADMIN = "user_sample_admin"
LOCATIONS = ("eu-central", "eu-west", "us-east", "ap-south")
# A year, but for a few days: what is made is made within the range of a chart.
SECONDS = 31_000_000


def user(number):
    return f"user_sample_{number:07}"


def clusters(number):
    """The names of a user's live clusters."""
    paid = {6: [f"pro-{number}"], 0: [f"business-{number}"]}.get(number % 9, [])
    return ([] if number % 5 == 0 else [f"free-{number}"]) + paid


def statements(backend, users, audited):
    """`audited` entries of the audit log are of the last 24 hours."""
    if backend == "postgres":
        numbers = f"generate_series(1, {users}) AS numbers (n)"
        entries = f"generate_series(1, {audited}) AS numbers (n)"
        owner, now = "'user_sample_' || lpad(n::text, 7, '0')", "date_trunc('second', now() AT TIME ZONE 'utc')"
        at = f"{now} - floor(n * {SECONDS}.0 / {users}) * INTERVAL '1 second'"
        ago = f"{now} - floor(n * 86000.0 / {audited}) * INTERVAL '1 second'"
        end = f"{now} + INTERVAL '30 days'"
    else:
        def counter(count):
            return (
                "(WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter "
                f"WHERE n < {count}) SELECT n FROM counter)"
            )
        numbers, entries = counter(users), counter(audited)
        owner, now = "printf('user_sample_%07d', n)", "datetime('now')"
        at = f"datetime('now', -CAST(n * {SECONDS}.0 / {users} AS INTEGER) || ' seconds')"
        ago = f"datetime('now', -CAST(n * 86000.0 / {audited} AS INTEGER) || ' seconds')"
        end = "datetime('now', '30 days')"
    plan = "CASE n % 9 WHEN 6 THEN 'PRO' WHEN 0 THEN 'BUSINESS' ELSE 'FREE' END"
    where = "CASE n % 4 {} END".format(" ".join(f"WHEN {at} THEN '{location}'" for at, location in enumerate(LOCATIONS)))
    return [
        f"INSERT INTO users (id, name, role, created_at, updated_at) VALUES ('{ADMIN}', 'Admin', 'ADMIN', {now}, {now})",
        "INSERT INTO users (id, name, email, role, created_at, updated_at) "
        f"SELECT {owner}, 'Sample User ' || n, 'user' || n || '@sample.example', 'USER', {at}, {at} FROM {numbers}",
        "INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at) "
        f"SELECT {owner}, {plan}, CASE WHEN n % 9 <> 3 THEN {end} END, {at}, {at} FROM {numbers} WHERE n % 3 = 0",
        "INSERT INTO k8s_cluster_configs "
        "(name, location, auth_user_id, plan, network, status, created_at, updated_at, deleted_at) "
        f"SELECT 'free-' || n, {where}, {owner}, 'FREE', 'Default', "
        f"CASE WHEN n % 5 = 0 THEN 'DELETED' ELSE 'PENDING' END, {at}, {at}, CASE WHEN n % 5 = 0 THEN {at} END "
        f"FROM {numbers}",
        "INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at) "
        f"SELECT lower({plan}) || '-' || n, {where}, {owner}, {plan}, 'Default', 'PENDING', {at}, {at} "
        f"FROM {numbers} WHERE n % 9 IN (0, 6)",
        "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id) "
        f"SELECT {ago}, {owner}, 'k8s.create', 'cluster', CAST(n AS TEXT), '{{}}', '-' FROM {entries}",
    ]


# One connection has made everything, but those of a server write to sixteen shards, which a chart adds up.
SHARDS = """INSERT INTO cluster_days (day, plan, status, location, shard, change)
SELECT day, plan, status, location, other, 0 FROM cluster_days CROSS JOIN generate_series(0, 15) AS others (other)
WHERE change >= 16 ON CONFLICT DO NOTHING"""


def fill_postgres(postgres, database, users, audited):
    postgres.sql(database, "BEGIN; " + "; ".join([*statements("postgres", users, audited), SHARDS]) + "; COMMIT")
    postgres.sql(database, "VACUUM ANALYZE")


def fill_sqlite(path, users, audited):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    for statement in statements("sqlite", users, audited):
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


# The peers write no events and keep no counters, as the server that they stand for did not.
DROP_TRIGGERS = """DO $$
DECLARE which RECORD;
BEGIN
    FOR which IN SELECT tgname, tgrelid::regclass AS name FROM pg_trigger
        WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', which.tgname, which.name);
    END LOOP;
END
$$"""
