//! Who is signed in, and what that leaves behind.

use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::{CLIENT, Provider, SECRET, Visitor, by, client, location, refusal, signed_in, start, visit};
use crate::support::{Builder, Process, Signal, Sql, TestApp, both_databases};

async fn options(app: &TestApp) -> Value {
    client().get(format!("{}sign-in/options", app.url)).send().await.unwrap().json().await.unwrap()
}

both_databases! {
    async fn whoever_the_provider_names_is_signed_in(builder: Builder) {
        let (app, provider) = start(builder).await;
        assert_eq!(options(&app).await, json!({"provider": provider.url.strip_prefix("http://")}));
        for (signer, subject) in [(("rsa", "1"), "oidc|1"), (("ec", "2"), "oidc|2")] {
            provider.state().signer = signer;
            provider.claim(json!({"sub": subject, "email": format!("{subject}@example.com")}));
            let visitor = Visitor::begin(&app, &provider).await;
            let answer = visitor.finish(&provider).await;
            assert_eq!(answer.headers()["cache-control"], "no-store");
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
            let browser = signed_in(&app, &answer);
            let me = browser.call("user.me", json!({})).await;
            let profile = (&me["id"], &me["name"], &me["email"], &me["image"], &me["role"]);
            let email = json!(format!("{subject}@example.com"));
            assert_eq!(profile, (&json!(subject), &json!("Ada L"), &email, &json!("https://i.example.com/a.png"), &json!("USER")));

            let (form, headers) = provider.state().exchanges.pop().unwrap();
            assert_eq!(form["grant_type"], "authorization_code");
            assert_eq!(form["code_verifier"].len(), 43);
            assert_ne!(form["code_verifier"], visitor.request["code_challenge"]);
            assert!(headers.contains_key("authorization") && !form.contains_key("client_secret"));
        }
        let owner = |id: &str| json!({"owner": id});
        assert_eq!(app.admin().audited().await, [
            json!(["oidc|1", "session.open", "session", "1", owner("oidc|1")]),
            json!(["oidc|2", "session.open", "session", "2", owner("oidc|2")]),
        ]);
        assert_eq!(app.count("audit_log WHERE client_address = '127.0.0.1' AND door = 'jsonrpc'"), 2);
    }

    async fn a_known_user_gets_what_they_lack_and_keeps_the_rest(builder: Builder) {
        let (app, provider) = start(builder).await;
        app.provision("oidc|1", Role::Admin);
        let browser = signed_in(&app, &visit(&app, &provider).await);
        let me = browser.call("user.me", json!({})).await;
        assert_eq!((&me["name"], &me["email"], &me["role"]), (&json!("Name of oidc|1"), &json!("ada@example.com"), &json!("ADMIN")));
        assert_eq!(browser.call("admin.getStats", json!({})).await["totalUsers"], 1);
        // It is a session as any other.
        let list = browser.call("session.list", json!({})).await;
        assert_eq!((&list[0]["current"], &list[0]["lastUsedAddress"]), (&json!(true), &json!("127.0.0.1")));
        browser.call("session.revoke", json!({"id": list[0]["id"]})).await;
        assert_eq!(browser.who().await, "UNAUTHORIZED");
    }

    async fn a_deleted_user_and_a_reserved_id_are_not_let_in(builder: Builder) {
        let (app, provider) = start(builder).await;
        let admin = app.admin();
        for (user, ending) in [("soft", "user.softDelete"), ("hard", "user.delete"), ("bootstrap", "")] {
            if !ending.is_empty() {
                app.provision(user, Role::User);
                admin.call(ending, json!({"userId": user})).await;
            }
            provider.claim(json!({"sub": user, "email": null}));
            assert_eq!(refusal(&visit(&app, &provider).await), "account", "{user}");
        }
        assert_eq!((app.count("sessions"), app.count("users WHERE deleted_at IS NULL")), (0, 1));
    }

    async fn no_secret_is_stored(builder: Builder) {
        let (app, provider) = start(builder).await;
        let visitor = Visitor::begin(&app, &provider).await;
        let browser = signed_in(&app, &visitor.finish(&provider).await);
        let attempt = visitor.cookie.split_once(".cdc_").unwrap().1;
        let mut conn = app.connect();
        for table in conn.tables() {
            let rows = format!("{:?}", conn.rows(&table));
            for secret in [attempt, visitor.state(), &browser.secret()[4..], "of-the-provider", SECRET] {
                assert!(!rows.contains(secret), "{table} has {secret}");
            }
        }
    }
}

#[tokio::test]
async fn the_secret_goes_where_the_provider_wants_it() {
    for (methods, secret, in_form) in [
        (json!(["client_secret_post"]), Some(SECRET), true),
        (json!(["client_secret_post", "client_secret_basic"]), Some(SECRET), false),
        (json!(["none"]), None, false),
    ] {
        let provider = Provider::start().await;
        provider.state().discovery = json!({"token_endpoint_auth_methods_supported": methods});
        let builder = by(Builder::new(crate::support::Backend::Sqlite), &provider);
        let app = match secret {
            Some(_) => builder,
            None => builder.without("oidc-client-secret"),
        };
        let app = app.start().await;
        signed_in(&app, &visit(&app, &provider).await);
        let (form, headers) = provider.state().exchanges.remove(0);
        assert_eq!(form.get("client_secret").map(String::as_str), secret.filter(|_| in_form), "{methods}");
        assert_eq!(headers.contains_key("authorization"), secret.is_some() && !in_form, "{methods}");
        assert_eq!(form.contains_key("client_id"), secret.is_none() || in_form, "{methods}");
    }
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_press() {
    let app = TestApp::on_sqlite().await;
    assert_eq!(options(&app).await, json!({"provider": null}));
    for path in ["sign-in/oidc", "sign-in/oidc/callback?code=a&state=b"] {
        assert_eq!(client().get(format!("{}{path}", app.url)).send().await.unwrap().status(), 404);
    }
}

#[tokio::test]
async fn with_tls_the_cookies_are_bound_to_the_host() {
    let provider = Provider::start().await;
    let redirect = "https://console.example.com/desk/sign-in/oidc/callback";
    let builder = by(Builder::new(crate::support::Backend::Sqlite), &provider).flag("oidc-redirect-url", redirect);
    let app = builder.start().await;
    let response = super::press_with(&app, &[("host", "console.example.com")]).await;
    let set = response.headers()["set-cookie"].to_str().unwrap();
    let (cookie, attributes) = set.split_once("; ").unwrap();
    assert!(cookie.starts_with("__Host-clusterdesk-sign-in="), "{set}");
    assert_eq!(attributes, "Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure");
    assert!(location(&response).contains(&form_urlencoded::byte_serialize(redirect.as_bytes()).collect::<String>()));
    // A page without TLS can plant a cookie with the other name.
    let request = super::form(location(&response).split_once('?').unwrap().1.as_bytes());
    let planted = cookie.replace("__Host-", "");
    let visitor = Visitor { http: client(), url: app.url.clone(), cookie: planted, request };
    let code = [("code", "x"), ("state", visitor.state())];
    assert_eq!(refusal(&visitor.come_back(&code).await), "stale");
    let answer = Visitor { cookie: cookie.to_owned(), ..visitor.clone() }.come_back(&code).await;
    assert_eq!(refusal(&answer), "rejected");
    let cleared = answer.headers()["set-cookie"].to_str().unwrap();
    assert_eq!(cleared, "__Host-clusterdesk-sign-in=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_not_logged_at_any_level() {
    let (provider, folder) = (Provider::start().await, tempfile::tempdir().unwrap());
    let settings = [
        ("RUST_LOG", "trace"),
        ("OIDC_ISSUER", provider.url.as_str()),
        ("OIDC_CLIENT_ID", CLIENT),
        ("OIDC_CLIENT_SECRET", SECRET),
        ("OIDC_REDIRECT_URL", super::REDIRECT),
    ];
    let mut server = Process::serve(folder.path(), &settings);
    let http = client();
    let get = http.get(format!("{}sign-in/oidc", server.url)).header("host", super::HOST).send().await.unwrap();
    let cookie = get.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = super::form(location(&get).split_once('?').unwrap().1.as_bytes());
    let visitor = Visitor { http, url: server.url.clone(), cookie, request };
    let answer = visitor.finish(&provider).await;
    assert_eq!(location(&answer), "../../");
    let session = answer.headers()["set-cookie"].to_str().unwrap().split(['=', ';']).nth(1).unwrap().to_owned();
    assert_eq!(refusal(&visitor.finish(&provider).await), "stale");
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let log = server.log();
    assert!(log.contains("sign-in by the identity provider refused"), "this is not a log:\n{log}");
    let (form, _) = provider.state().exchanges.remove(0);
    let attempt = visitor.cookie.split_once(".cdc_").unwrap().1;
    for secret in
        [attempt, visitor.state(), &form["code"], &form["code_verifier"], &session[4..], SECRET, "an access token"]
    {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
