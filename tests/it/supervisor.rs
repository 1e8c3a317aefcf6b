//! What a service manager sees of a server (sd_notify(3)), and the credentials that it passes (systemd.exec(5)).

use std::{fs, os::unix::net::UnixDatagram};

use serde_json::Value;

use crate::support::{PATIENCE, Process, SECRET, Signal, claims, hs256};

#[tokio::test]
async fn it_is_told_when_the_server_is_ready_lives_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut message = [0; 200];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap().trim().to_owned()
    };
    let settings = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "30000")];
    let mut server = Process::serve(folder.path(), &settings);
    assert_eq!(next(), "READY=1");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    server.signal(Signal::TERM);
    while next() != "STOPPING=1" {}
    assert!(server.wait().success());
}

#[tokio::test]
async fn settings_come_from_its_credentials_too() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    for (name, value) in [
        ("JWT_SECRET", format!("{SECRET}\n")),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1, whsec_2\n".to_owned()),
        ("DATA_DIR", "elsewhere".to_owned()),
        ("unrelated", "x".to_owned()),
    ] {
        fs::write(credentials.join(name), value).unwrap();
    }
    fs::write(folder.path().join("clusterdesk.toml"), "jwt_secret = \"another secret of at least 32 bytes\"").unwrap();
    let server = Process::serve(
        folder.path(),
        &[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()), ("DATA_DIR", "data"), ("BOOTSTRAP_ADMIN", "off")],
    );
    let user = server.client(&hs256(&claims("user_1")));
    assert_eq!(user.call("user.me", Value::Null).await["id"], "user_1");
    assert!(folder.path().join("data").exists() && !folder.path().join("elsewhere").exists(), "a variable counts more");
    fs::create_dir(credentials.join("APP_URL")).unwrap();
    let settings = [("CREDENTIALS_DIRECTORY", "credentials")];
    let refused = Process::run(folder.path(), &["serve"], &settings);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && text.contains("CREDENTIALS_DIRECTORY: APP_URL"), "{text}");
}
