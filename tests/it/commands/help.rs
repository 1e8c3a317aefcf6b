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
        (&["migrate", "up"][..], &["-n <N>", "--all"][..]),
        (&["migrate", "down"], &["-n <N>", "--all"]),
        (&["migrate", "redo"], &["-n <N>", "--all"]),
        (&["migrate", "status"], &[]),
        (&["token", "create"], &["--user", "--name", "--scope", "--expires-in-days"]),
        (&["token", "list"], &["--user"]),
        (&["token", "revoke"], &["<ID>"]),
        (&["user", "list"], &["--search"]),
        (&["user", "promote"], &["<ID>"]),
        (&["user", "demote"], &["<ID>"]),
        (&["webhooks", "list"], &["--failed"]),
        (&["webhooks", "replay"], &["IDS", "STRIPE_PRO_MONTHLY_PRICE_ID"]),
        (&["webhooks", "purge"], &[]),
        (&["seed"], &["--users", "--force"]),
        (&["doctor"], &["JWT_SECRET", "BIND_ADDR"]),
    ] {
        let text = help(arguments);
        for word in [&["DATABASE_URL", "DATA_DIR", "--database-url", "--data-dir"], words].concat() {
            assert!(text.contains(word), "{arguments:?} does not mention {word}: {text}");
        }
    }
}

#[test]
fn the_help_of_serve_lists_every_setting() {
    for arguments in [&["serve"][..], &[]] {
        let text = help(arguments);
        for setting in [
            "DATABASE_URL",
            "DATABASE_REPLICA_URL",
            "BIND_ADDR",
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
            "BOOTSTRAP_ADMIN",
        ] {
            assert!(text.contains(&format!("[env: {setting}")), "{setting} is not in the help");
        }
    }
}

#[test]
fn the_help_lists_the_subcommands() {
    let text = help(&[]);
    for command in ["serve", "migrate", "token", "user", "seed", "openrpc", "app-router", "doctor"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(command)), "{command} is not in {text}");
    }
    for (group, commands) in
        [("migrate", "up down redo status"), ("token", "create list revoke"), ("user", "list promote demote")]
    {
        let text = help(&[group]);
        assert!(commands.split(' ').all(|command| text.contains(&format!("  {command}"))), "{text}");
    }
}
