//! A provider that is away, or says what can't be used.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::{Provider, Visitor, by, press, refusal, signed_in, start, visit};
use crate::support::{Backend, Builder, Process, both_databases, eventually};

both_databases! {
    async fn while_the_provider_is_down_the_page_says_so(builder: Builder) {
        let (app, provider) = start(builder).await;
        provider.state().is_down = true;
        assert_eq!(refusal(&press(&app).await), "unavailable");
        provider.state().is_down = false;
        signed_in(&app, &visit(&app, &provider).await);
        // It goes down while the browser is away.
        let visitor = Visitor::begin(&app, &provider).await;
        provider.state().is_down = true;
        assert_eq!(refusal(&visitor.finish(&provider).await), "unavailable");
        provider.state().is_down = false;
        signed_in(&app, &visit(&app, &provider).await);
    }

    async fn a_provider_that_nobody_can_reach_does_not_keep_the_server_from_starting(builder: Builder) {
        let provider = Provider::start().await;
        let app = by(builder, &provider).flag("oidc-issuer", "http://127.0.0.1:1").start().await;
        assert_eq!(refusal(&press(&app).await), "unavailable");
        assert_eq!(app.user("user_1").call("user.me", json!({})).await["id"], "user_1");
    }
}

#[tokio::test]
async fn those_who_wait_for_keys_wait_for_one_fetch() {
    let (app, provider) = start(Builder::new(Backend::Sqlite)).await;
    let mut visitors = Vec::new();
    for _ in 0..6 {
        visitors.push(Visitor::begin(&app, &provider).await);
    }
    provider.state().hold_keys = true;
    let answers = join_all(visitors.iter().map(|visitor| visitor.finish(&provider)));
    let release = async {
        eventually(async || provider.state().exchanges.len() == 6 && provider.state().key_requests > 0).await;
        provider.release_keys();
    };
    let (answers, ()) = tokio::join!(answers, release);
    assert!(answers.iter().all(|answer| refusal(answer) == "unavailable"));
    assert_eq!(provider.state().key_requests, 1);
}

#[tokio::test]
async fn a_provider_that_takes_its_time_for_everything_is_not_waited_for() {
    let (app, provider) = start(Builder::new(Backend::Sqlite)).await;
    // It has not asked the provider for anything yet.
    let beside = by(app.beside(), &provider).start().await;
    let visitor = Visitor { url: beside.url.clone(), ..Visitor::begin(&app, &provider).await };
    // Its document, the token and the keys: each answer alone is in time.
    provider.state().delay = Duration::from_secs(4);
    assert_eq!(refusal(&visitor.finish(&provider).await), "unavailable");
    provider.state().delay = Duration::ZERO;
    signed_in(&beside, &visit(&beside, &provider).await);
}

#[tokio::test]
async fn a_document_that_can_not_be_trusted_is_not_used() {
    for wrong in [
        json!({"issuer": "https://id.example.com"}),
        json!({"issuer": null}),
        json!({"authorization_endpoint": "http://id.example.com/authorize"}),
        json!({"token_endpoint": "ftp://127.0.0.1/token"}),
        json!({"jwks_uri": "keys"}),
        json!({"token_endpoint": null}),
    ] {
        let provider = Provider::start().await;
        let app = by(Builder::new(Backend::Sqlite), &provider).start().await;
        provider.state().discovery = wrong.clone();
        assert_eq!(refusal(&press(&app).await), "unavailable", "{wrong}");
        provider.state().discovery = json!({});
        assert_eq!(press(&app).await.status(), 303);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_asks_the_provider() {
    let (provider, folder) = (Provider::start().await, tempfile::tempdir().unwrap());
    let settings = [
        ("OIDC_ISSUER", provider.url.as_str()),
        ("OIDC_CLIENT_ID", super::CLIENT),
        ("OIDC_REDIRECT_URL", super::REDIRECT),
    ];
    let doctor = || {
        let output = Process::run(folder.path(), &["doctor"], &settings);
        String::from_utf8(output.stdout).unwrap()
    };
    let host = provider.url.strip_prefix("http://").unwrap();
    let healthy = doctor();
    assert!(healthy.contains(&format!("identity provider: ok ({host} answers)")), "{healthy}");
    provider.state().discovery = json!({"issuer": "https://id.example.com"});
    let sick = doctor();
    assert!(
        sick.contains("identity provider: PROBLEM: OIDC_ISSUER: ") && sick.contains("names another issuer"),
        "{sick}"
    );
}

#[test]
fn doctor_finds_what_keeps_the_server_from_starting() {
    for (settings, problem) in [
        ([("OIDC_CLIENT_ID", " "), ("APP_URL", "https://app.example.com")], "OIDC_ISSUER needs OIDC_CLIENT_ID"),
        ([("OIDC_CLIENT_ID", "a"), ("APP_URL", "http://127.0.0.1:1")], "is also in APP_URL or ALLOWED_ORIGINS"),
        (
            [("OIDC_CLIENT_ID", "a"), ("ALLOWED_ORIGINS", "https://127.0.0.1:1")],
            "is also in APP_URL or ALLOWED_ORIGINS",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let provider = [("OIDC_ISSUER", "https://id.example.com"), ("OIDC_REDIRECT_URL", super::REDIRECT)];
        let settings = [provider, settings].concat();
        let doctor = Process::run(folder.path(), &["doctor"], &settings);
        let found = String::from_utf8(doctor.stdout).unwrap();
        let line = found.lines().find(|line| line.starts_with("identity provider: PROBLEM: "));
        assert!(line.is_some_and(|line| line.contains(problem)), "{settings:?}: {found}");
        assert_eq!(doctor.status.code(), Some(1));
        let serve = Process::run(folder.path(), &["serve"], &settings);
        let told = String::from_utf8(serve.stderr).unwrap();
        assert!(serve.status.code() == Some(1) && told.contains(problem), "{settings:?}: {told}");
    }
}
