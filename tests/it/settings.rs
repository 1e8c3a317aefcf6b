//! The sources of settings: flags take precedence over environment variables, and these over `clusterdesk.toml`.

use std::fs;

use tempfile::TempDir;

use crate::support::{Process, Signal};

/// The exit code of a command, its standard output and error, and the folder that it ran in.
struct Run {
    code: Option<i32>,
    text: String,
    folder: TempDir,
}

/// Runs a command in a new folder with this `clusterdesk.toml`.
fn run(file: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clusterdesk.toml"), file).unwrap();
    let output = Process::run(folder.path(), arguments, settings);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    Run { code: output.status.code(), text, folder }
}

#[test]
fn flags_take_precedence_over_environment_over_file_over_defaults() {
    let file = "bind_addr = '127.0.0.1:1111'";
    let environment = [("BIND_ADDR", "127.0.0.1:2222")];
    let flag = ["doctor", "--bind-addr", "127.0.0.1:3333"];
    for (file, arguments, settings, expected) in [
        ("", &flag[..1], &[][..], "127.0.0.1:8080"),
        (file, &flag[..1], &[], "127.0.0.1:1111"),
        (file, &flag[..1], &environment, "127.0.0.1:2222"),
        (file, &flag, &environment, "127.0.0.1:3333"),
        (file, &flag, &[], "127.0.0.1:3333"),
    ] {
        let Run { text, .. } = run(file, arguments, settings);
        assert!(text.contains(&format!("listens on {expected})")), "{arguments:?} {settings:?}: {text}");
    }
}

#[test]
fn what_is_not_set_has_the_documented_default() {
    let Run { text, .. } = run("", &["serve", "--help"], &[]);
    for (name, default) in [
        ("DATABASE_WAIT_MS", "30000"),
        ("KEEP_ALIVE_MS", "75000"),
        ("SHUTDOWN_GRACE_MS", "10000"),
        ("CONNECTIONS_PER_ADDRESS", "256"),
        ("BIND_ADDR", "127.0.0.1:8080"),
        ("DATA_DIR", "./data"),
        ("RATE_LIMIT_READ_MAX_REQUESTS", "100"),
        ("RATE_LIMIT_WRITE_MAX_REQUESTS", "20"),
        ("RATE_LIMIT_STRIPE_MAX_REQUESTS", "10"),
        ("RATE_LIMIT_WRITE_WINDOW_MS", "60000"),
    ] {
        let shown = text.split(&format!("[env: {name}=]")).nth(1).unwrap().split("[env: ").next().unwrap();
        assert!(shown.contains(&format!("[default: {default}]")), "{name}: {shown}");
    }
}

#[test]
fn subcommands_use_the_same_precedence() {
    let file = "data_dir = 'from-file'";
    let environment = [("DATA_DIR", "from-environment")];
    for (arguments, settings, expected) in [
        (&["migrate", "up"][..], &[][..], "from-file"),
        (&["migrate", "up"], &environment, "from-environment"),
        (&["migrate", "up", "--data-dir", "from-flag"], &environment, "from-flag"),
    ] {
        let Run { code, text, folder } = run(file, arguments, settings);
        assert_eq!(code, Some(0), "{text}");
        assert!(folder.path().join(expected).join("clusterdesk.db").exists(), "{expected}");
    }
}

#[test]
fn settings_of_serve_in_the_environment_do_not_affect_other_subcommands() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/elsewhere.db", folder.path().display());
    let settings =
        [("DATABASE_URL", url.as_str()), ("BIND_ADDR", "127.0.0.1:0"), ("APP_URL", "https://app.example.com")];
    for arguments in [&["migrate", "up"][..], &["token", "list"], &["user", "list"], &["seed"], &["doctor"]] {
        let output = Process::run(folder.path(), arguments, &settings);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(folder.path().join("elsewhere.db").exists());
}

#[test]
fn a_list_in_the_file_sets_a_list() {
    let file = "allowed_origins = ['https://a.example', 'https://b.example']\ntrusted_proxies = ['10.0.0.0/8', 'unix']";
    let Run { text, .. } = run(file, &["doctor"], &[]);
    assert!(text.contains("configuration: ok"), "{text}");
    let Run { code, text, .. } = run("allowed_origins = ['https://a.example', 'nonsense']", &["doctor"], &[]);
    assert!(code == Some(2) && text.contains("--allowed-origins") && text.contains("nonsense"), "{text}");
}

#[test]
fn errors_in_the_file_are_named() {
    for (file, name) in [
        ("nonsense = 1", "nonsense is not a setting"),
        ("bind-addr = '127.0.0.1:0'", "bind-addr is not a setting"),
        ("[bind_addr]\nport = 1", "bind_addr must be"),
        ("bind_addr = ", "clusterdesk.toml"),
        ("bind_addr = 'here'", "--bind-addr"),
        ("shutdown_grace_ms = 'soon'", "--shutdown-grace-ms"),
        ("bootstrap_admin = 'perhaps'", "--bootstrap-admin"),
    ] {
        for arguments in [&["serve"][..], &[], &["doctor"]] {
            let Run { code, text, folder } = run(file, arguments, &[]);
            assert!(matches!(code, Some(1 | 2)) && text.contains(name), "{file} with {arguments:?}: {text}");
            assert!(!folder.path().join("data").exists(), "nothing is created");
        }
    }
}

#[test]
fn errors_in_the_environment_are_named() {
    for (name, value) in [("BIND_ADDR", "here"), ("DATABASE_THREADS", "0"), ("LOG_FORMAT", "xml"), ("APP_URL", "app")] {
        let Run { code, text, .. } = run("", &["serve"], &[(name, value)]);
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        assert!(code == Some(2) && text.contains(&flag) && text.contains(value), "{name}: {text}");
    }
}

/// The names of all settings, from the help text.
fn names() -> Vec<String> {
    let Run { text, .. } = run("", &["serve", "--help"], &[]);
    let after = |line: &str| Some(line.split("[env: ").nth(1)?.split(['=', ']']).next()?.to_owned());
    text.lines().filter_map(after).collect()
}

#[test]
fn an_empty_setting_is_unset() {
    let names = names();
    assert!(names.len() > 20 && names.contains(&"APP_URL".to_owned()), "{names:?}");
    let without_path = |Run { code, text, folder }: Run| (code, text.replace(folder.path().to_str().unwrap(), ""));
    let defaults = without_path(run("", &["doctor"], &[]));
    assert!(defaults.1.contains("configuration: ok"), "{}", defaults.1);
    let settings: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(without_path(run("", &["doctor"], &settings)), defaults);
    let file: String = names.iter().map(|name| format!("{} = ''\n", name.to_lowercase())).collect();
    assert_eq!(without_path(run(&file, &["doctor"], &[])), defaults);
    let flags: Vec<String> = names.iter().map(|name| format!("--{}", name.to_lowercase().replace('_', "-"))).collect();
    let apart: Vec<&str> = flags.iter().flat_map(|flag| [flag.as_str(), ""]).collect();
    assert_eq!(without_path(run("", &[&["doctor"], apart.as_slice()].concat(), &[])), defaults);
    let joined: Vec<String> = flags.iter().map(|flag| format!("{flag}=")).collect();
    let joined: Vec<&str> = joined.iter().map(String::as_str).collect();
    assert_eq!(without_path(run("", &[&["doctor"], joined.as_slice()].concat(), &[])), defaults);
    // What a weaker source says counts.
    let Run { text, .. } = run("", &["doctor", "--bind-addr", ""], &[("BIND_ADDR", "127.0.0.1:1111")]);
    assert!(text.contains("listens on 127.0.0.1:1111)"), "{text}");
    // What the file says counts, as without the variable.
    let Run { text, .. } = run("bind_addr = '127.0.0.1:1111'", &["doctor"], &[("BIND_ADDR", "")]);
    assert!(text.contains("listens on 127.0.0.1:1111)"), "{text}");
}

#[test]
fn nothing_is_changed_before_all_settings_are_checked() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, value, extra) in [
        ("BIND_ADDR", address.as_str(), None),
        ("BIND_ADDR", "unix:/nowhere/socket", None),
        ("METRICS_ADDR", address.as_str(), None),
        ("JWT_SECRET", "short", None),
        ("JWT_SECRET", "0123456789012345678901234567890123456789", Some(("JWT_JWKS_URL", "https://example.com"))),
        ("JWT_JWKS_FILE", "missing.json", None),
        ("JWT_JWKS_URL", "http://example.com", None),
        ("JWT_AUDIENCE", ",", None),
        ("OIDC_ISSUER", "https://id.example.com", None),
        ("OIDC_CLIENT_ID", "console", None),
        ("OIDC_REDIRECT_URL", "https://example.com/sign-in", None),
        ("DATABASE_REPLICA_URL", "postgres://127.0.0.1/x", None),
        ("DATABASE_POOLER", "transaction", None),
        ("DATABASE_POOLER", "session", None),
        ("DATABASE_LISTEN_URL", "postgres://127.0.0.1/x", None),
        ("RATE_LIMIT_STORE", "postgres", None),
        ("RATE_LIMIT_STORE", "redis", None),
        ("STRIPE_PLANS_FILE", "missing.json", None),
        ("BACKUP_EVERY", "soon", None),
        ("DATA_DIR", "/dev/null/data", Some(("DATABASE_URL", "sqlite:new.db"))),
        ("BACKUP_EVERY", "1h", Some(("DATABASE_URL", "postgres://127.0.0.1/x"))),
        ("STRIPE_API_BASE", "ftp://example.com", Some(("STRIPE_SECRET_KEY", "sk_test_x"))),
        ("ALLOWED_ORIGINS", "https://*", None),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318", None),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://127.0.0.1", None),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", Some(("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"))),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5", None),
    ] {
        let settings: Vec<_> = std::iter::once((name, value)).chain(extra).collect();
        let Run { code, text, folder } = run("", &["serve"], &settings);
        assert!(matches!(code, Some(1 | 2)), "{settings:?}: {text}");
        assert!(text.contains(name) || text.contains(&name.to_lowercase().replace('_', "-")), "{settings:?}: {text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{settings:?}: only clusterdesk.toml");
    }
}

/// Whether the log of a server with this `RUST_LOG` has the line about a migration, which has the level INFO.
fn logs_info(filter: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("RUST_LOG", filter)]);
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    server.log().contains("_initial_schema")
}

#[test]
fn the_log_has_the_level_info_unless_a_filter_is_set() {
    assert!(logs_info("") && logs_info("info") && !logs_info("error"));
    assert!(
        logs_info("clusterdesk") && logs_info("hyper=warn,INFO") && !logs_info("off") && !logs_info("procedures=info")
    );
}

#[test]
fn an_invalid_log_filter_is_refused() {
    for filter in ["clusterdesk=loud", "info,=x", "debug,[span", "nonsense", "inof,hyper=debug", "clusterdeskk=info"] {
        for arguments in [&["serve"][..], &["doctor"]] {
            // A server that took the filter would end because of the URL.
            let settings = [("RUST_LOG", filter), ("DATABASE_URL", "mysql://db")];
            let Run { code, text, folder } = run("", arguments, &settings);
            assert!(code == Some(1) && text.contains("RUST_LOG") && text.contains(filter), "{filter}: {text}");
            assert!(!folder.path().join("data").exists(), "nothing is created");
        }
    }
}

#[test]
fn an_unsupported_database_url_is_refused_with_the_reason() {
    for (url, reason) in [
        ("mysql://u:hunter2@db/x", "DATABASE_URL: \"mysql\" is not supported; write sqlite:PATH or postgres://…"),
        ("hunter2.db", "DATABASE_URL: \"no scheme\" is not supported"),
        ("sqlite::memory:", "DATABASE_URL: sqlite:PATH needs the path of a file"),
        ("postgres://u:hunter2@db.example.com/x", "this build has no TLS and \"db.example.com\" is another machine"),
    ] {
        for arguments in [&["serve"][..], &["migrate", "up"], &["token", "list"], &["doctor"]] {
            let Run { code, text, folder } = run("", arguments, &[("DATABASE_URL", url)]);
            assert!(code == Some(1) && text.contains(reason), "{arguments:?}: {text}");
            assert!(!text.contains("hunter2"), "{arguments:?} prints a password: {text}");
            assert!(!folder.path().join("data").exists(), "nothing is created");
        }
    }
}
