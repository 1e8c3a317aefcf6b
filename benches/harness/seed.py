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


# A location a cluster is in is free text. These many more have changed on each day that a chart shows.
TOWNS = 100
DAYS = 400


def history(backend):
    """The statements that add what a server has added up of clusters in these locations: three more on each day."""
    if backend == "postgres":
        towns = f"generate_series(1, {TOWNS}) AS towns (town)"
        days = f"generate_series(0, {DAYS - 1}) AS days (n)"
        day = "date_trunc('day', now() AT TIME ZONE 'utc') - n * INTERVAL '1 day'"
        town = "'town-' || lpad(town::text, 3, '0')"
    else:
        def counter(first, name, last):
            return (
                f"(WITH RECURSIVE counter ({name}) AS (SELECT {first} UNION ALL SELECT {name} + 1 FROM counter "
                f"WHERE {name} < {last}) SELECT {name} FROM counter)"
            )
        towns, days = counter(1, "town", TOWNS), counter(0, "n", DAYS - 1)
        day, town = "datetime('now', 'start of day', -n || ' days')", "printf('town-%03d', town)"
    all_of_a_day = 3 * TOWNS
    return [
        # What the rows above have left to be added up.
        "DELETE FROM cluster_days",
        f"INSERT INTO cluster_series (kind, label, day, change) SELECT 'location', {town}, {day}, 3 FROM {towns}, {days}",
        f"INSERT INTO cluster_totals (kind, label, clusters) SELECT 'location', {town}, {3 * DAYS} FROM {towns}",
        *(
            f"INSERT INTO cluster_series (kind, label, day, change) SELECT '{kind}', '{label}', {day}, {all_of_a_day} FROM {days} "
            "WHERE true ON CONFLICT (kind, label, day) DO UPDATE SET change = cluster_series.change + EXCLUDED.change"
            for kind, label in (("plan", "FREE"), ("status", "PENDING"))
        ),
        f"UPDATE cluster_totals SET clusters = clusters + {all_of_a_day * DAYS} WHERE label IN ('FREE', 'PENDING')",
    ]


def fill_postgres(postgres, database, users, audited):
    postgres.sql(database, "BEGIN; " + "; ".join([*statements("postgres", users, audited), *history("postgres")]) + "; COMMIT")
    postgres.sql(database, "VACUUM ANALYZE")


def fill_sqlite(path, users, audited):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    for statement in [*statements("sqlite", users, audited), *history("sqlite")]:
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
