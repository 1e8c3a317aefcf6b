//! Requests of callers without an account that would cost far more than they do. The tests show the bounds by bytes and
//! counts. docs/OPERATIONS.md, "Limits", lists them.

mod api_tokens;
mod handshakes;
mod heads;
mod hosts;
mod hung_postgres;
mod ids;
mod logging;
mod payment_links;
mod pings;
mod places;
mod replicas;
mod scrapes;
mod signatures;
mod socket_methods;
mod sqlite_files;
mod standby;
mod stops;
mod subjects;
mod superjson;
mod unfinished;
mod unread;
mod unreadable;
mod watches;

/// SECURITY.md says for each attack which test shows its bound.
#[test]
fn the_security_policy_names_every_test_of_this_folder_and_no_other() {
    let root = env!("CARGO_MANIFEST_DIR");
    let policy = std::fs::read_to_string(format!("{root}/SECURITY.md")).unwrap();
    let quoted = policy.split('`').skip(1).step_by(2).filter(|quoted| quoted.ends_with(".rs") || quoted.ends_with('/'));
    // Those of other folders have a path.
    let (others, quoted): (Vec<_>, Vec<_>) = quoted.partition(|quoted| quoted.starts_with("tests/"));
    for other in others {
        assert!(std::path::Path::new(root).join(other).exists(), "{other}");
    }
    let named: std::collections::BTreeSet<String> = quoted.into_iter().map(str::to_owned).collect();
    let files = std::fs::read_dir(format!("{root}/tests/it/abuse")).unwrap();
    let names = files.map(|file| {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if file.path().is_dir() { name + "/" } else { name }
    });
    assert_eq!(named, names.filter(|name| name != "mod.rs").collect());
}
