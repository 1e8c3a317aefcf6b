use crate::support::Process;

fn help(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("DATABASE_URL", "postgres://u:hunter2@h/x"), ("JWT_SECRET", "hunter2")];
    let output = Process::run(folder.path(), &[arguments, &["--help"]].concat(), &settings);
    assert!(output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hunter2"), "the help of {arguments:?} shows a secret");
    text
}

#[test]
fn the_help_of_every_subcommand_lists_its_options_and_settings() {
    for (arguments, words) in [
        (&["migrate", "up"][..], &["-n <N>", "--all", "--dry-run", "--json"][..]),
        (&["migrate", "down"], &["-n <N>", "--all", "--dry-run", "--json"]),
        (&["migrate", "redo"], &["-n <N>", "--all", "--dry-run", "--json"]),
        (&["migrate", "status"], &["--json"]),
        (&["token", "create"], &["--user", "--name", "--scope", "--expires-in-days", "--dry-run", "--json"]),
        (&["token", "list"], &["--user", "--json"]),
        (&["token", "revoke"], &["<ID>", "--dry-run", "--json"]),
        (&["token", "rotate"], &["<ID>", "--dry-run", "--json"]),
        (&["console-link"], &["--user", "--url", "BIND_ADDR", "--dry-run", "--json"]),
        (&["user", "list"], &["--search", "--json"]),
        (&["user", "promote"], &["<ID>", "--dry-run", "--json"]),
        (&["user", "demote"], &["<ID>", "--dry-run", "--json"]),
        (&["webhooks", "list"], &["--failed", "--json"]),
        (&["webhooks", "replay"], &["IDS", "STRIPE_PRO_MONTHLY_PRICE_ID", "--dry-run", "--json"]),
        (&["webhooks", "reconcile"], &["--json", "--dry-run", "STRIPE_SECRET_KEY"]),
        (&["webhooks", "customers"], &["--json", "--dry-run", "--mend", "STRIPE_SECRET_KEY"]),
        (&["webhooks", "purge"], &["RETENTION_WEBHOOKS", "--dry-run", "--json"]),
        (&["seed"], &["--users", "--force", "--dry-run", "--json"]),
        (&["import"], &["--from", "OLD_DATABASE_URL", "--on-conflict", "abort, skip, repair", "--dry-run", "--json"]),
        (&["backup"], &["--to", "--force", "--dry-run", "--json"]),
        (&["restore"], &["--from", "--dry-run", "--json"]),
        (
            &["purge"],
            &[
                "--older-than",
                "--only",
                "clusters, users, events, webhooks, addresses",
                "--audit-older-than",
                "--audit-to",
                "--dry-run",
                "--json",
            ],
        ),
        (&["audit", "verify"], &["--json"]),
        (&["audit", "export"], &["--to", "--format", "ndjson, csv", "--force", "--json"]),
        (&["doctor"], &["JWT_SECRET", "BIND_ADDR", "--json"]),
    ] {
        let text = help(arguments);
        for word in [&["DATABASE_URL", "DATA_DIR", "--database-url", "--data-dir"], words].concat() {
            assert!(text.contains(word), "{arguments:?} does not mention {word}: {text}");
        }
    }
}

/// The commands that do something themselves, below one.
fn leaves(path: &[String]) -> Vec<Vec<String>> {
    let text = help(&path.iter().map(String::as_str).collect::<Vec<_>>());
    let listed = text.split_once("\nCommands:\n").map_or("", |(_, after)| after);
    let lines = listed.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()));
    let below: Vec<Vec<String>> =
        names.filter(|name| *name != "help").map(|name| [path, &[name.to_owned()]].concat()).collect();
    if below.is_empty() { vec![path.to_vec()] } else { below.iter().flat_map(|path| leaves(path)).collect() }
}

#[test]
fn every_command_prints_json_and_has_a_dry_run_if_it_writes() {
    const FIXED_FORMAT: [&str; 4] = ["serve", "openrpc", "app-router", "completions"];
    const READ: [&str; 6] = ["migrate status", "token list", "user list", "webhooks list", "audit verify", "doctor"];
    let commands = leaves(&[]);
    assert!(commands.len() > 25, "{commands:?}");
    for command in commands {
        let (text, name) = (help(&command.iter().map(String::as_str).collect::<Vec<_>>()), command.join(" "));
        let is_fixed = FIXED_FORMAT.contains(&name.as_str());
        assert_eq!(text.contains("--json"), !is_fixed, "{name}");
        assert_eq!(text.contains("--dry-run"), !is_fixed && !READ.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn the_help_of_serve_lists_every_setting() {
    for arguments in [&["serve"][..], &[]] {
        let text = help(arguments);
        for setting in [
            "DATABASE_URL",
            "DATABASE_REPLICA_URL",
            "DATABASE_POOLER",
            "DATABASE_LISTEN_URL",
            "DATABASE_WAIT_MS",
            "BIND_ADDR",
            "METRICS_ADDR",
            "DATA_DIR",
            "APP_URL",
            "ALLOWED_ORIGINS",
            "JWT_SECRET",
            "JWT_PUBLIC_KEY_FILE",
            "JWT_JWKS_FILE",
            "JWT_JWKS_URL",
            "JWT_ISSUER",
            "JWT_AUDIENCE",
            "JWT_AUTHORIZED_PARTIES",
            "OIDC_ISSUER",
            "OIDC_CLIENT_ID",
            "OIDC_CLIENT_SECRET",
            "OIDC_REDIRECT_URL",
            "OIDC_SCOPES",
            "RATE_LIMIT_STORE",
            "RATE_LIMIT_READ_MAX_REQUESTS",
            "RATE_LIMIT_READ_WINDOW_MS",
            "RATE_LIMIT_WRITE_MAX_REQUESTS",
            "RATE_LIMIT_WRITE_WINDOW_MS",
            "RATE_LIMIT_STRIPE_MAX_REQUESTS",
            "RATE_LIMIT_STRIPE_WINDOW_MS",
            "TRUSTED_PROXIES",
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_API_BASE",
            "STRIPE_PLANS_FILE",
            "STRIPE_PRO_MONTHLY_PRICE_ID",
            "STRIPE_PRO_YEARLY_PRICE_ID",
            "STRIPE_BUSINESS_MONTHLY_PRICE_ID",
            "STRIPE_BUSINESS_YEARLY_PRICE_ID",
            "LOG_FORMAT",
            "CONNECTIONS_PER_ADDRESS",
            "SHUTDOWN_GRACE_MS",
            "RETENTION_CLUSTERS",
            "RETENTION_USERS",
            "RETENTION_EVENTS",
            "RETENTION_WEBHOOKS",
            "RETENTION_ADDRESSES",
            "RETENTION_AUDIT",
            "RETENTION_AUDIT_DIR",
            "BOOTSTRAP_ADMIN",
            "BACKUP_EVERY",
            "BACKUP_KEEP",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_SERVICE_NAME",
            "OTEL_TRACES_SAMPLER_ARG",
        ] {
            assert!(text.contains(&format!("[env: {setting}")), "{setting} is not in the help");
        }
    }
}

#[test]
fn the_help_lists_the_subcommands() {
    let text = help(&[]);
    for command in
        ["serve", "migrate", "token", "user", "seed", "backup", "restore", "copy", "openrpc", "app-router", "doctor"]
    {
        assert!(text.lines().any(|line| line.trim_start().starts_with(command)), "{command} is not in {text}");
    }
    for (group, commands) in
        [("migrate", "up down redo status"), ("token", "create list revoke rotate"), ("user", "list promote demote")]
    {
        let text = help(&[group]);
        assert!(commands.split(' ').all(|command| text.contains(&format!("  {command}"))), "{text}");
    }
}
