//! A database of realistic size, built once per backend. Tests must not change it.

use std::{fs, path::Path, sync::OnceLock};

use tempfile::TempDir;

use super::{Backend, Sql, TestDatabase};

/// 100,000 users, 33,333 customers, 150,000 clusters (a third of them deleted), 20,000 each of tokens, sessions,
/// links and attempts to sign in, tombstones, Stripe events, subscriptions, payments, gone customers and stored answers, and
/// 100,000 audit rows, their hashes, and cluster events. Numbers of clusters are of 60
/// locations for 500 days, and of 20,000 at present.
pub fn big(backend: Backend) -> &'static TestDatabase {
    static SQLITE: OnceLock<TestDatabase> = OnceLock::new();
    static POSTGRES: OnceLock<TestDatabase> = OnceLock::new();
    let database = match backend {
        Backend::Sqlite => &SQLITE,
        Backend::Postgres => &POSTGRES,
    };
    database.get_or_init(|| build(backend))
}

/// Nothing removes the folder of a static, so each run removes those of runs that are over.
fn folder() -> TempDir {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("big");
    fs::create_dir_all(&parent).unwrap();
    for run in fs::read_dir(&parent).unwrap() {
        let run = run.unwrap();
        let pid = run.file_name().into_string().unwrap();
        if !Path::new("/proc").join(pid.split('-').next().unwrap()).exists() {
            drop(fs::remove_dir_all(run.path()));
        }
    }
    tempfile::Builder::new().prefix(&format!("{}-", std::process::id())).tempdir_in(parent).unwrap()
}

fn build(backend: Backend) -> TestDatabase {
    let database = match backend {
        Backend::Sqlite => backend.database_in(folder()),
        Backend::Postgres => backend.database(),
    };
    let mut conn = database.connect();
    // Building the indexes at the end is faster than updating them for every row.
    let indexes = conn.texts(match backend {
        Backend::Sqlite => "SELECT name || ';' || sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        Backend::Postgres => {
            "SELECT indexname || ';' || indexdef FROM pg_indexes
            WHERE schemaname = 'public' AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        }
    });
    let (names, definitions): (Vec<&str>, Vec<&str>) =
        indexes.iter().map(|index| index.split_once(';').unwrap()).unzip();
    // The references are valid by construction, and checking 250,000 of them takes seconds.
    conn.run(match backend {
        Backend::Sqlite => "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN",
        Backend::Postgres => "SET session_replication_role = replica; BEGIN",
    });
    names.iter().for_each(|name| conn.run(&format!("DROP INDEX {name}")));
    // On SQLite the triggers have written the last four.
    let count = if backend == Backend::Sqlite { 20 } else { 24 };
    for statement in &rows(backend)[..count] {
        conn.run(statement);
    }
    definitions.iter().for_each(|definition| conn.run(definition));
    conn.run("COMMIT");
    // In production autovacuum does this on PostgreSQL; on SQLite nothing runs ANALYZE.
    if backend == Backend::Postgres {
        conn.run("VACUUM ANALYZE");
    }
    database
}

fn rows(backend: Backend) -> [String; 24] {
    let numbers = |count: u32| match backend {
        Backend::Sqlite => format!(
            "(WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {count})
            SELECT n FROM counter)"
        ),
        Backend::Postgres => format!("(SELECT n FROM generate_series(1, {count}) AS n) AS numbers"),
    };
    // Timestamps one second apart, all in the past.
    let at = match backend {
        Backend::Sqlite => "datetime('2026-01-01', n || ' seconds')",
        Backend::Postgres => "TIMESTAMP '2026-01-01' + n * INTERVAL '1 second'",
    };
    let hash = match backend {
        Backend::Sqlite => "printf('%064d', n)",
        Backend::Postgres => "lpad(n::text, 64, '0')",
    };
    let pick = |values: &str, n: &str| {
        let choices: Vec<&str> = values.split(' ').collect();
        let whens = choices.iter().enumerate().map(|(at, value)| format!("WHEN {at} THEN '{value}'"));
        format!("CASE {n} % {} {} END", choices.len(), whens.collect::<Vec<_>>().join(" "))
    };
    [
        format!(
            "INSERT INTO users (id, name, email, role, created_at, updated_at)
            SELECT 'user_' || n, 'Name ' || n, 'user' || n || '@example.com',
                CASE WHEN n % 20000 = 0 THEN 'ADMIN' ELSE 'USER' END, {at}, {at} FROM {}",
            numbers(100_000)
        ),
        format!("INSERT INTO user_tombstones (id, deleted_at) SELECT 'gone_' || n, {at} FROM {}", numbers(20_000)),
        format!(
            "INSERT INTO customers (auth_user_id, plan, stripe_current_period_end, created_at, updated_at)
            SELECT 'user_' || (n * 3), {plan}, CASE WHEN n % 10 = 0 THEN {at} END, {at}, {at} FROM {}",
            numbers(33_333),
            plan = pick("FREE FREE FREE FREE PRO FREE FREE BUSINESS", "n"),
        ),
        // The first 100,000 are each user's FREE cluster; the others are on paid plans. A third of all are deleted.
        format!(
            "INSERT INTO k8s_cluster_configs
                (name, location, auth_user_id, plan, status, created_at, updated_at, deleted_at)
            SELECT 'cluster-' || n, 'eu', 'user_' || (n % 100000 + 1), CASE WHEN n <= 100000 THEN 'FREE' ELSE {plan} END,
                CASE WHEN n % 3 = 0 THEN 'DELETED' ELSE {status} END, {at}, {at}, CASE WHEN n % 3 = 0 THEN {at} END
            FROM {}",
            numbers(150_000),
            plan = "CASE n % 1000 WHEN 0 THEN 'BUSINESS' ELSE 'PRO' END",
            status = "CASE n % 1000 WHEN 1 THEN 'INITING' WHEN 2 THEN 'PENDING' ELSE 'RUNNING' END",
        ),
        // On SQLite the triggers have written these rows already.
        "INSERT INTO cluster_events (created_at, kind, cluster_id, name, location, auth_user_id, plan, network, status,
            cluster_created_at, cluster_updated_at, cluster_deleted_at)
        SELECT created_at, 'created', id, name, location, auth_user_id, plan, network, status, created_at, updated_at, NULL
        FROM k8s_cluster_configs WHERE deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM cluster_events) ORDER BY id"
            .to_owned(),
        format!(
            "INSERT INTO cluster_days (day, plan, status, location, shard, change)
            SELECT {at}, 'PRO', 'PENDING', 'town', 0, 1 FROM {}",
            numbers(100)
        ),
        format!(
            "INSERT INTO cluster_series (kind, label, day, change)
            SELECT 'location', 'location ' || (n % 60), {day}, 1 FROM {}",
            numbers(30_000),
            day = match backend {
                Backend::Sqlite => "datetime('2024-01-01', (n / 60) || ' days')",
                Backend::Postgres => "TIMESTAMP '2024-01-01' + n / 60 * INTERVAL '1 day'",
            },
        ),
        format!(
            "INSERT INTO cluster_totals (kind, label, clusters)
            SELECT CASE WHEN n < 4 THEN 'plan' ELSE 'location' END, {label}, n % 100 FROM {}",
            numbers(20_000),
            label = "CASE n WHEN 1 THEN 'FREE' WHEN 2 THEN 'PRO' WHEN 3 THEN 'BUSINESS' ELSE 'location ' || n END",
        ),
        format!(
            "INSERT INTO api_tokens (user_id, name, hash, scope, created_at)
            SELECT 'user_' || (n % 5000 + 1), 'a token', {hash}, 'read', {at} FROM {}",
            numbers(20_000),
        ),
        format!(
            "INSERT INTO sessions (user_id, hash, created_at, expires_at, last_used_at)
            SELECT 'user_' || (n % 5000 + 1), {hash}, {at}, {at}, {at} FROM {}",
            numbers(20_000)
        ),
        format!(
            "INSERT INTO sign_in_links (hash, user_id, expires_at) SELECT {hash}, 'user_' || n, {at} FROM {}",
            numbers(20_000)
        ),
        format!("INSERT INTO used_sign_ins (hash, expires_at) SELECT {hash}, {at} FROM {}", numbers(20_000)),
        format!(
            "INSERT INTO stripe_events (id, kind, created_at, received_at, processed_at, attempts, error, payload)
            SELECT 'evt_' || n, 'invoice.paid', {at}, {at}, CASE WHEN n % 200 = 0 THEN NULL ELSE {at} END, 1,
                CASE WHEN n % 200 = 0 THEN 'an error' END, '{{}}' FROM {}",
            numbers(20_000)
        ),
        format!(
            "INSERT INTO stripe_subscriptions (id, stripe_customer_id, auth_user_id)
            SELECT 'sub_' || n, 'cus_' || n, CASE WHEN n % 500 = 0 THEN NULL ELSE 'user_' || n END FROM {}",
            numbers(20_000)
        ),
        format!(
            "INSERT INTO payments (invoice_id, paid_at, plan, currency, amount)
            SELECT 'in_' || n, {at}, 'PRO', 'USD', 100 FROM {}",
            numbers(20_000)
        ),
        format!(
            "INSERT INTO gone_stripe_customers (id, auth_user_id, gone_at)
            SELECT 'cus_gone_' || n, 'user_' || n, {at} FROM {}",
            numbers(20_000)
        ),
        format!(
            "INSERT INTO stored_answers (user_id, idempotency_key, fingerprint, output, created_at)
            SELECT 'user_' || n, 'key', '{}', CASE WHEN n % 100 > 0 THEN '{{}}' END, {at} FROM {}",
            "f".repeat(43),
            numbers(20_000)
        ),
        format!(
            "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
            SELECT {at}, 'user_' || (n % 5000), {procedure}, {entity}, n % 50000, '{{}}', 'r' || n FROM {}",
            numbers(100_000),
            procedure = pick("k8s.create k8s.create k8s.update k8s.delete k8s.restore user.updateName", "n"),
            entity = "CASE WHEN n % 1000 = 0 THEN 'database' WHEN n % 6 = 5 THEN 'user' ELSE 'cluster' END",
        ),
        "INSERT INTO audit_events (id, audit_id)
        SELECT id, id FROM audit_log WHERE NOT EXISTS (SELECT 1 FROM audit_events) ORDER BY id"
            .to_owned(),
        format!(
            "INSERT INTO audit_seals (id, hash) SELECT id, {} FROM audit_events",
            match backend {
                Backend::Sqlite => "printf('%064d', id)",
                Backend::Postgres => "lpad(id::text, 64, '0')",
            }
        ),
        "INSERT INTO audit_counts (bucket, shard, entries)
        SELECT date_bin('10 minutes', created_at, TIMESTAMP '2000-01-01'), 1, count(*) FROM audit_log GROUP BY 1"
            .to_owned(),
        "INSERT INTO paid_period_counts (width, bucket, shard, customers)
        SELECT 'day', date_trunc('day', stripe_current_period_end), 1, count(*) FROM customers
        WHERE stripe_current_period_end IS NOT NULL AND plan <> 'FREE' GROUP BY 2"
            .to_owned(),
        "INSERT INTO active_users (day, user_id) SELECT DISTINCT date_trunc('day', created_at), actor_id FROM audit_log"
            .to_owned(),
        "INSERT INTO active_days (day, shard, users) SELECT day, 1, count(*) FROM active_users GROUP BY 1".to_owned(),
    ]
}
