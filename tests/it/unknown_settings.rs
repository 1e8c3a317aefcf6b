//! Variables of the environment that look like settings and are none.

use crate::support::{Process, Signal};

/// Names that are probably meant as a setting, with that setting.
const MEANT: [(&str, &str); 12] = [
    ("DATABSE_URL", "DATABASE_URL"),
    ("DATABASE_URI", "DATABASE_URL"),
    ("ALLOWED_ORIGIN", "ALLOWED_ORIGINS"),
    ("PORT", "BIND_ADDR"),
    ("LOG_LEVEL", "RUST_LOG"),
    ("RATE_LIMIT_READ_MAX", "RATE_LIMIT_READ_MAX_REQUESTS"),
    ("JWT_JWKS", "JWT_JWKS_URL"),
    ("JWT_AUDIENCES", "JWT_AUDIENCE"),
    ("OIDC_SECRET", "OIDC_CLIENT_SECRET"),
    ("OIDC_DISCOVERY_URL", "OIDC_REDIRECT_URL"),
    ("RETENTION_AUDIT_FOLDER", "RETENTION_AUDIT_DIR"),
    ("CLUSTERDESK_DATA_DIR", "DATA_DIR"),
];

/// Variables of other programs.
const OTHERS: [&str; 7] =
    ["HOME", "PATH", "DATABASE_PORT_5432_TCP_ADDR", "NEXT_PUBLIC_APP_URL", "STRIPE_PUBLISHABLE_KEY", "PGHOST", "LANG"];

fn settings<'a>() -> Vec<(&'a str, &'a str)> {
    MEANT
        .iter()
        .map(|(name, _)| *name)
        .chain(OTHERS.into_iter().filter(|name| *name != "PATH"))
        .map(|name| (name, "secret-value"))
        .collect()
}

#[test]
fn one_warning_names_each_with_the_setting_that_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &settings());
    server.signal(Signal::TERM);
    server.wait();
    let log = server.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("did you mean")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    for (name, setting) in MEANT {
        assert!(warnings[0].contains(&format!("{name} (did you mean {setting}?)")), "{name}: {}", warnings[0]);
    }
    for name in OTHERS {
        assert!(!warnings[0].contains(&format!("{name} (")), "{name}: {}", warnings[0]);
    }
    assert!(!log.contains("secret-value"), "{log}");
}

#[test]
fn without_one_there_is_no_warning() {
    let folder = tempfile::tempdir().unwrap();
    let others: Vec<_> = settings().into_iter().filter(|(name, _)| OTHERS.contains(name)).collect();
    let mut server = Process::serve(folder.path(), &others);
    server.signal(Signal::TERM);
    server.wait();
    assert!(!server.log().contains("did you mean"), "{}", server.log());
}

#[test]
fn doctor_names_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), &["doctor"], &[("DATABSE_URL", "x")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("environment: not a setting: DATABSE_URL (did you mean DATABASE_URL?)"), "{text}");
}

#[test]
fn an_unknown_key_of_the_file_is_refused_with_the_nearest_setting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clusterdesk.toml"), "databse_url = 'sqlite:x.db'").unwrap();
    let output = Process::run(folder.path(), &["serve"], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && text.contains("databse_url is not a setting (did you mean database_url?)"),
        "{text}"
    );
}

#[test]
fn the_text_of_a_file_that_is_not_toml_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("clusterdesk.toml"), "data_dir = 'x'\njwt_secret = hunter2 hunter2\n").unwrap();
    let output = Process::run(folder.path(), &["serve"], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, "error: clusterdesk.toml: line 2 is not TOML; write name = \"value\"\n");
}
