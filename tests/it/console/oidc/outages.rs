//! A provider that is away, or says what can't be used.

use serde_json::json;

use super::{Provider, Visitor, by, press, refusal, signed_in, start, visit};
use crate::support::{Backend, Builder, Process, both_databases};

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
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let provider = Provider::start().await;
        let app = by(builder, &provider).flag("oidc-issuer", &url).start().await;
        assert_eq!(refusal(&press(&app).await), "unavailable");
        assert_eq!(app.user("user_1").call("user.me", json!({})).await["id"], "user_1");
    }
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
    assert!(sick.contains("identity provider: PROBLEM: OIDC_ISSUER: ") && sick.contains("of another issuer"), "{sick}");
}
