//! Whose session a cookie holds, on every surface.

use serde_json::{Value, json};

use super::{APP, App, OLD, builder, cookie, told, with};
use crate::support::{Backend, Builder, EventStream, Process, Socket, both_databases, claims, hs256, now};

const VALID_TOKEN_OF_NOBODY: &str = "cdk_0000000000000000000000000000002C8GjT";

both_databases! {
    async fn a_cookie_signs_in_on_every_surface(app: App) {
        let cookie = cookie("user_1");
        let page = [("cookie", cookie.as_str()), ("origin", APP)];
        assert_eq!(app.post(&page).await, (200, json!("user_1")));
        assert_eq!(app.get(&page).await, (200, json!("user_1")));
        assert_eq!(app.create(&page).await.status(), 200);
        let server = &app.0;
        assert_eq!(server.user("user_1").call("k8s.count", json!({})).await["active"], 1);

        let mut socket = Socket::try_open(&server.url, &page).await.unwrap();
        assert_eq!(socket.call("user.me", json!({})).await["result"]["id"], "user_1");
        let mut socket = Socket::try_open_at(&server.url, OLD, &page).await.unwrap();
        assert_eq!(who(&mut socket).await, "user_1");

        let watch = server.anonymous().http.get(format!("{}trpc-plain/k8s.watch?input={{}}", server.url));
        let mut events = EventStream::open_by_cookie(with(watch, &page)).await;
        assert_eq!(events.data().await.1["type"], "ready");
    }
}

/// The caller of a tRPC socket at the old address, or the code of the error.
async fn who(socket: &mut Socket) -> Value {
    socket.send(json!({"id": 7, "method": "query", "params": {"path": "user.me"}}).to_string()).await;
    let answer = socket.receive().await.unwrap();
    let places = ["/result/data/json/id", "/result/data/id", "/error/json/data/code", "/error/data/code"];
    places.iter().find_map(|place| answer.pointer(place)).unwrap_or(&answer).clone()
}

#[tokio::test]
async fn cookies_do_not_count_unless_they_are_named() {
    let cookie = cookie("user_1");
    let without = App(Builder::new(Backend::Sqlite).flag("app-url", APP).start().await);
    assert_eq!(without.post(&[("cookie", &cookie), ("origin", APP)]).await, (200, json!("UNAUTHORIZED")));
    // So programs that send such a cookie are not refused for it either.
    assert_eq!(without.post(&[("cookie", &cookie)]).await, (200, json!("UNAUTHORIZED")));
    let app = App(builder(Backend::Sqlite).start().await);
    for other in ["session=", "__Session=", "x__session=", "__sessio=", "a=1; b="] {
        let cookie = cookie.replace("__session=", other);
        assert_eq!(app.post(&[("cookie", &cookie), ("origin", APP)]).await, (200, json!("UNAUTHORIZED")), "{other}");
    }
}

#[tokio::test]
async fn the_first_valid_cookie_counts() {
    let app = App(builder(Backend::Sqlite).start().await);
    let (one, two) = (hs256(&claims("user_1")), hs256(&claims("user_2")));
    let mut old = claims("user_3");
    old["exp"] = json!(now() - 3600);
    let old = hs256(&old);
    let cookies = [
        (format!("__session_X1y={one}"), "user_1"),
        (format!("theme=dark;  __session=\"{one}\" ; a=b"), "user_1"),
        // The order of the settings, then that of the browser.
        (format!("__session_a={two}; __session={one}"), "user_1"),
        (format!("__session_a={two}; __session_b={one}"), "user_2"),
        (format!("__session={old}; __session_a=; __session_b={one}"), "user_1"),
        (format!("__session={old}"), "UNAUTHORIZED"),
        ("__session=nonsense".to_owned(), "UNAUTHORIZED"),
        ("__session=".to_owned(), "UNAUTHORIZED"),
        (format!("__session={VALID_TOKEN_OF_NOBODY}"), "UNAUTHORIZED"),
        // What cannot be a JWT does not count before what may be one.
        (format!("__session=a; __session_a=b; __session_b=c; __session_c=d; __session_d={one}"), "user_1"),
        // Only a few are tried, so that a request costs a bounded number of signatures.
        (
            format!("__session=a.b.c; __session_a=b.b.b; __session_b=c.c.c; __session_c=d.d.d; __session_d={one}"),
            "UNAUTHORIZED",
        ),
        // Browsers send the values of other cookies as they are.
        (format!("name=José; __session={one}; \u{fffd}"), "user_1"),
    ];
    for (cookie, expected) in cookies {
        assert_eq!(app.post(&[("cookie", &cookie), ("origin", APP)]).await, (200, json!(expected)), "{cookie}");
    }
}

#[tokio::test]
async fn an_api_token_is_no_session() {
    let app = App(builder(Backend::Sqlite).start().await);
    let token = app.0.scripted("user_1", clusterdesk::models::api_token::Scope::Admin).token.unwrap();
    let cookie = format!("__session={token}");
    assert_eq!(app.get(&[("cookie", &cookie)]).await, (401, json!("UNAUTHORIZED")));
    assert_eq!(app.get(&[("authorization", &format!("Bearer {token}"))]).await, (200, json!("user_1")));
}

#[tokio::test]
async fn a_token_takes_precedence_over_a_cookie() {
    let app = App(builder(Backend::Sqlite).start().await);
    let (cookie, token) = (cookie("user_1"), hs256(&claims("user_2")));
    let bearer = format!("Bearer {token}");
    // Another site can't send the header, so neither `Origin` nor `Sec-Fetch-Site` is needed.
    assert_eq!(app.post(&[("cookie", &cookie), ("authorization", &bearer)]).await, (200, json!("user_2")));
    for wrong in ["Bearer nonsense", "Basic dTpw", "Bearer"] {
        let headers = [("cookie", cookie.as_str()), ("authorization", wrong), ("origin", APP)];
        assert_eq!(app.post(&headers).await, (200, json!("UNAUTHORIZED")), "{wrong}");
    }
    let protocols = format!("clusterdesk, bearer.{token}");
    let headers = [("cookie", cookie.as_str()), ("sec-websocket-protocol", &protocols)];
    let mut socket = Socket::try_open(&app.0.url, &headers).await.unwrap();
    assert_eq!(socket.call("user.me", json!({})).await["result"]["id"], "user_2");
}

#[tokio::test]
async fn connection_params_take_precedence_over_a_cookie() {
    let app = App(builder(Backend::Sqlite).start().await);
    let token = hs256(&claims("user_2"));
    for (cookie, params, expected) in [
        (cookie("user_1"), json!({"token": token}), "user_2"),
        (cookie("user_1"), json!({}), "user_1"),
        (cookie("user_1"), json!({"token": "nonsense"}), "UNAUTHORIZED"),
        // An old cookie does not shut out who brings a token.
        ("__session=nonsense".to_owned(), json!({"token": token}), "user_2"),
        ("__session=nonsense".to_owned(), json!({}), "UNAUTHORIZED"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("origin", APP)];
        let path = format!("{OLD}?connectionParams=1");
        let mut socket = Socket::try_open_at(&app.0.url, &path, &headers).await.unwrap();
        socket.send(json!({"method": "connectionParams", "data": params}).to_string()).await;
        assert_eq!(who(&mut socket).await, expected, "{params}");
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("connectionParams", &params.to_string()).append_pair("input", "{}").finish();
        let watch = app.0.anonymous().http.get(format!("{}trpc-plain/k8s.watch?{query}", app.0.url));
        let mut events = EventStream::open_by_cookie(with(watch, &headers)).await;
        let first = events.answer().await.json();
        let told = first["type"].as_str().or(first["data"]["code"].as_str());
        let ready = if expected == "UNAUTHORIZED" { expected } else { "ready" };
        assert_eq!(told, Some(ready), "{params}");
    }
}

#[tokio::test]
async fn a_deleted_user_s_session_ends() {
    let app = App(builder(Backend::Sqlite).start().await);
    let cookie = cookie("user_1");
    let page = [("cookie", cookie.as_str()), ("origin", APP)];
    assert_eq!(app.get(&page).await, (200, json!("user_1")));
    app.0.user("user_1").call("user.softDelete", json!({})).await;
    assert_eq!(app.get(&page).await, (401, json!("UNAUTHORIZED")));
    let response = app.create(&page).await;
    assert_eq!(told(response).await, (401, json!("UNAUTHORIZED")));
}

#[test]
fn a_name_that_is_no_cookie_s_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["*", "a b", "a=b", "se*sion", "__session,*"] {
        let output = Process::run(folder.path(), &["doctor"], &[("SESSION_COOKIES", wrong)]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {text}");
        assert!(text.contains("--session-cookies") && text.contains("expected the name of a cookie"), "{text}");
    }
}
