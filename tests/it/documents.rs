//! The generated documents: served over HTTP, printed by the command line, and checked in under `clients/`.

use std::{io::Read, process::Stdio};

use clusterdesk::kernel;
use http::Method;
use procedures::describe::Documents;
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Backend, Builder, Process, Socket, TestApp, both_databases, catalogue, document, generated};

/// Path, the command that prints the same document, and content type.
const SERVED: [(&str, &[&str], &str); 3] = [
    ("openrpc.json", &["openrpc"], "application/json; charset=utf-8"),
    ("app-router.d.ts", &["app-router"], "application/typescript; charset=utf-8"),
    ("app-router-v10.d.ts", &["app-router", "--client", "10"], "application/typescript; charset=utf-8"),
];

fn documents() -> Documents {
    kernel::documents(&catalogue()).unwrap()
}

async fn ask(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = app.anonymous().http.request(method, format!("{}{path}", app.url));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn served_documents_match_the_printed_ones() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let folder = tempfile::tempdir().unwrap();
    for (path, command, content_type) in SERVED {
        let response = ask(&app, Method::GET, path, &[]).await;
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, content_type));
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let served = response.text().await.unwrap();
        // The database can't be reached: the command does not need one.
        let printed = Process::run(folder.path(), command, &[("DATABASE_URL", "postgres:///no?host=/nowhere")]);
        assert!(printed.status.success(), "{printed:?}");
        assert_eq!(String::from_utf8(printed.stdout).unwrap(), served);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "printing a document creates no file");
}

#[tokio::test]
async fn documents_and_the_explorer_are_compressed_for_clients_that_accept_it() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let page = ask(&app, Method::GET, "", &[]).await.text().await.unwrap();
    let assets = page.split('"').filter(|part| part.starts_with("docs/console-"));
    for path in SERVED.map(|(path, ..)| path).into_iter().chain([""]).chain(assets) {
        let plain = ask(&app, Method::GET, path, &[]).await;
        assert_eq!(plain.headers().get("content-encoding"), None, "{path}");
        let etag = header(&plain, "etag").to_owned();
        let text = plain.bytes().await.unwrap();
        let gzip = ask(&app, Method::GET, path, &[("accept-encoding", "br, gzip;q=0.8")]).await;
        assert_eq!(header(&gzip, "content-encoding"), "gzip", "{path}");
        let varies: Vec<_> = gzip.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert!(varies.contains(&"accept-encoding"), "{path}: {varies:?}");
        let own = header(&gzip, "etag").to_owned();
        assert_ne!(own, etag, "{path}");
        let body = gzip.bytes().await.unwrap();
        assert!(body.len() * 2 < text.len() + 500, "{path}: {} of {}", body.len(), text.len());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, text, "{path}");
        for (tag, accept, status) in
            [(&own, "gzip", 304), (&etag, "gzip", 200), (&etag, "identity", 304), (&own, "gzip;q=0", 200)]
        {
            let headers = [("if-none-match", tag.as_str()), ("accept-encoding", accept)];
            assert_eq!(ask(&app, Method::GET, path, &headers).await.status(), status, "{path}: {tag} {accept}");
        }
    }
}

#[tokio::test]
async fn matching_etag_is_answered_with_304() {
    let app = Builder::new(Backend::Sqlite).start().await;
    let documents = documents();
    for ((path, ..), document) in
        SERVED.into_iter().zip([documents.openrpc, documents.app_router, documents.app_router_v10])
    {
        let head = ask(&app, Method::HEAD, path, &[]).await;
        let etag = header(&head, "etag").to_owned();
        assert_eq!(etag, format!("\"{}\"", document.content_hash));
        assert_eq!(header(&head, "content-length"), document.text.len().to_string());
        assert_eq!(head.text().await.unwrap(), "");
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let response = ask(&app, Method::GET, path, &[("if-none-match", &known)]).await;
            assert_eq!((response.status().as_u16(), header(&response, "etag")), (304, etag.as_str()), "{known}");
            assert_eq!(response.text().await.unwrap(), "");
        }
        let response = ask(&app, Method::GET, path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (200, document.text));
    }
}

#[tokio::test]
async fn documents_allow_only_get_and_head_from_allowed_origins() {
    let app = Builder::new(Backend::Sqlite).flag("app-url", "https://app.example.com").start().await;
    for (path, ..) in SERVED {
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let refused = ask(&app, method, path, &[]).await;
            assert_eq!((refused.status().as_u16(), header(&refused, "allow")), (405, "GET, HEAD"));
            assert_eq!(refused.json::<Value>().await.unwrap()["error"]["data"]["code"], "METHOD_NOT_SUPPORTED");
        }
        let allowed = ask(&app, Method::GET, path, &[("origin", "https://app.example.com")]).await;
        assert_eq!(allowed.status(), 200);
        assert_eq!(header(&allowed, "access-control-allow-origin"), "https://app.example.com");
        assert_eq!(ask(&app, Method::GET, path, &[("origin", "https://evil.example.com")]).await.status(), 403);
    }
}

both_databases! {
    async fn discover_is_public_and_works_without_the_database(app: TestApp) {
        let expected: &Value = &document();
        app.database.take_away();
        app.user("user_1").fail("SERVICE_UNAVAILABLE", "user.me", Value::Null).await;
        for caller in [app.anonymous(), app.user("user_1"), app.with_token("no token at all")] {
            assert_eq!(caller.call("rpc.discover", Value::Null).await, *expected);
            let refused = caller.fail("BAD_REQUEST", "rpc.discover", json!({"more": 1})).await;
            assert_eq!(refused.issues(), ["more: unknown_field"]);
        }
        let mut socket = Socket::open(&app.anonymous()).await;
        assert_eq!(socket.call("rpc.discover", json!([])).await["result"], *expected);
        app.database.bring_back();
    }
}

#[tokio::test]
async fn discover_counts_against_the_client_address() {
    let app = Builder::new(Backend::Sqlite).flag("rate-limit-read-max-requests", "2").start().await;
    app.anonymous().call("rpc.discover", Value::Null).await;
    app.user("user_1").call("rpc.discover", Value::Null).await;
    app.anonymous().fail("TOO_MANY_REQUESTS", "rpc.discover", Value::Null).await;
    // The user's own limit is not used up.
    app.user("user_1").call("user.me", Value::Null).await;
}

#[test]
fn closed_pipe_is_not_an_error_when_printing_a_document() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["openrpc"][..], &["openrpc", "--types"], &["app-router"]] {
        let mut command = Process::command(folder.path(), arguments, &[]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn generated_files_under_clients_are_up_to_date() {
    let documents = documents();
    for (path, document) in [
        ("clients/openrpc.json", documents.openrpc),
        ("clients/app-router.d.ts", documents.app_router),
        ("clients/app-router-v10.d.ts", documents.app_router_v10),
        ("clients/typescript/src/procedures.ts", documents.procedures),
    ] {
        generated(path, &document.text);
    }
}
