//! Database URLs that can't be used: the error names the setting and never a piece of the password.

use std::fs;

use crate::support::Process;

/// The password is `hun?ter2` with some character in its middle that must be percent-encoded.
const UNENCODED: [&str; 10] = [
    "postgres://ann:hun%ter2@127.0.0.1:1/x",
    "postgres://ann:hun%00ter2@127.0.0.1:1/x",
    "postgres://ann:hunter2%@127.0.0.1:1/x",
    "postgres://ann:hun ter2@127.0.0.1:1/x",
    "postgres://ann:hun@ter2@127.0.0.1:1/x",
    "postgres://ann:hun/ter2@127.0.0.1:1/x",
    "postgres://ann:hun@ter2.example.com/x@127.0.0.1/x",
    "postgres://ann:hunter2?@/x@127.0.0.1/x",
    "postgres:///x?user=ann&password=hun&ter2",
    "postgres:///x?user=ann&password=hun=ter2",
];

/// URLs that are refused although the password is readable, with the reason.
const OTHERS: [(&str, &str); 6] = [
    (
        "postgres://ann:hunter2@localhost/x?schema=public",
        "\"schema\" is not a parameter of PostgreSQL's URLs; this server's",
    ),
    (
        "postgres://ann:hunter2@localhost/x?pgbouncer=true",
        "\"pgbouncer\" is not a parameter of PostgreSQL's URLs; it is one of Prisma's own",
    ),
    (
        "postgres://ann:hunter2@localhost/x?sslmode=disable&connection_limit=1",
        "\"connection_limit\" is not a parameter",
    ),
    ("postgres://ann:hunter2@localhost:port/x", "percent-encoded"),
    ("ann:hunter2@localhost/x", "\"no scheme\" is not supported"),
    ("hunter2:x://localhost/x", "\"no scheme\" is not supported"),
];

/// Runs a command that must fail without changes, and returns what it prints.
fn refused(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), arguments, settings);
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(1), "{settings:?}: {text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{settings:?}");
    for piece in ["hun", "ter2"] {
        assert!(!text.contains(piece), "{settings:?} {arguments:?}: {text}");
    }
    text
}

#[test]
fn no_piece_of_a_password_that_is_not_encoded_is_printed() {
    for url in UNENCODED {
        for arguments in [&["serve"][..], &["migrate", "up"], &["token", "list"], &["doctor"]] {
            let text = refused(arguments, &[("DATABASE_URL", url)]);
            assert!(text.contains("DATABASE_URL: the URL can't be read") && text.contains("@ as %40"), "{url}: {text}");
        }
        let text = refused(&["serve"], &[("DATABASE_REPLICA_URL", url), ("DATABASE_URL", "postgres://127.0.0.1:1/x")]);
        assert!(text.contains("DATABASE_REPLICA_URL: the URL can't be read"), "{url}: {text}");
    }
}

#[test]
fn parameters_of_other_programs_and_schemes_are_refused_with_the_reason() {
    for (url, reason) in OTHERS {
        for arguments in [&["serve"][..], &["migrate", "up"], &["token", "list"], &["doctor"]] {
            let text = refused(arguments, &[("DATABASE_URL", url)]);
            assert!(text.contains(&format!("DATABASE_URL: {reason}")) || text.contains(reason), "{url}: {text}");
        }
    }
}

#[test]
fn an_encoded_password_is_not_printed_when_the_server_is_away() {
    let settings = [("DATABASE_URL", "postgres://ann:hun%25%40%20ter2@127.0.0.1:1/x"), ("DATABASE_WAIT_MS", "0")];
    for arguments in [&["serve"][..], &["migrate", "up"], &["token", "list"], &["doctor"]] {
        let text = refused(arguments, &settings);
        assert!(text.contains("Connection refused"), "{text}");
    }
}
