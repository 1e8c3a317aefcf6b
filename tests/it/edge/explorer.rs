//! The explorer: the page at `/` and `/docs`, and its files. tests/e2e tests it in a browser.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{ME, assert_refused, raw, read};
use crate::support::{Backend, Builder, Raw, RawResponse, Socket, TestApp, both_databases};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'";

async fn app() -> TestApp {
    Builder::new(Backend::Sqlite).start().await
}

async fn get(app: &TestApp, path: &str, known: Option<&str>) -> RawResponse {
    let url = format!("{}{}", app.url.trim_end_matches('/'), path);
    let request = app.anonymous().http.get(url);
    read(known.map_or(request.try_clone().unwrap(), |etag| request.header("if-none-match", etag)).send().await.unwrap())
        .await
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    }
}

/// Paths on this server that the page refers to, relative to `/`.
fn references(text: &str) -> Vec<String> {
    let after = |attribute| text.split(attribute).skip(1).map(|rest: &str| rest.split('"').next().unwrap());
    let all = [r#" href=""#, r#" src=""#].into_iter().flat_map(after);
    all.filter(|address| !address.starts_with('#')).map(|address| format!("/{address}")).collect()
}

/// Every file that can be reached from the pages, by path.
async fn crawl(app: &TestApp) -> BTreeMap<String, RawResponse> {
    crawl_from(app, &["/", "/docs", "/sign-in"]).await
}

async fn crawl_from(app: &TestApp, pages: &[&str]) -> BTreeMap<String, RawResponse> {
    let mut found = BTreeMap::new();
    let mut waiting: Vec<String> = pages.iter().map(|path| (*path).to_owned()).collect();
    while let Some(path) = waiting.pop() {
        if !found.contains_key(&path) && !path.starts_with("/openrpc.json") {
            let response = get(app, &path, None).await;
            assert_eq!(response.status, 200, "{path}");
            if content_type(&path).starts_with("text/html") {
                waiting.extend(references(&text(&response)));
            }
            found.insert(path, response);
        }
    }
    found
}

fn text(response: &RawResponse) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

#[tokio::test]
async fn page_and_its_files_are_served_with_cache_and_security_headers() {
    let app = app().await;
    for (path, response) in crawl(&app).await {
        let etag = response.headers["etag"].to_str().unwrap();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 20, "{path}: {etag}");
        assert_eq!(response.headers["content-type"], content_type(&path), "{path}");
        let unchanged = get(&app, &path, Some(etag)).await;
        assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{path}");
        assert_eq!(get(&app, &path, Some(&format!("\"another\", W/{etag}"))).await.status, 304, "{path}");
        assert_eq!(get(&app, &path, Some("\"another\"")).await.status, 200, "{path}");
        for response in [&response, &unchanged] {
            assert_eq!(response.headers["etag"], etag, "{path}");
            assert_eq!(response.headers["content-security-policy"], POLICY, "{path}");
            // What the page loads has a name that changes with its content.
            let caching = if path.contains('.') { "public, max-age=31536000, immutable" } else { "no-cache" };
            assert_eq!(response.headers["cache-control"], caching, "{path}");
            assert_eq!(response.headers["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(response.headers["x-frame-options"], "DENY", "{path}");
            assert_eq!(response.headers["referrer-policy"], "no-referrer", "{path}");
            assert!(response.headers.contains_key("x-request-id"), "{path}");
        }
    }
}

/// What is kept for a year must have another name when it changes.
#[tokio::test]
async fn the_name_of_a_file_has_the_beginning_of_its_hash() {
    let app = app().await;
    let files = crawl(&app).await;
    let files: Vec<_> = files.iter().filter(|(path, _)| path.contains('.')).collect();
    let names: Vec<_> = files.iter().map(|(path, _)| path).collect();
    assert_eq!(files.len(), 5, "{names:?}");
    for (path, response) in files {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&response.body));
        let (stem, extension) = path.rsplit_once('.').unwrap();
        let bare = stem.strip_suffix(&format!("-{}", &hash[..16])).unwrap_or_else(|| panic!("{path} without {hash}"));
        assert_eq!(get(&app, &format!("{bare}.{extension}"), None).await.status, 404, "{path}");
    }
}

/// The page needs it at once, and its script asks for it only when it runs.
#[tokio::test]
async fn the_page_has_the_document_of_procedures_loaded_before_its_script_runs() {
    let app = app().await;
    for path in ["/", "/docs"] {
        let page = text(&get(&app, path, None).await);
        let link = page.lines().find(|line| line.contains("rel=\"preload\"")).unwrap_or_else(|| panic!("{page}"));
        let (before, rest) = link.trim().split_once("openrpc.json?v=").unwrap();
        let (version, after) = rest.split_once('"').unwrap();
        assert_eq!(before, r#"<link rel="preload" href=""#, "{path}");
        assert_eq!(after, r#" as="fetch" crossorigin="anonymous">"#, "{path}");
        // What the page names never changes, so a reload does not ask for it again.
        let caching = async |query: &str| {
            let response = get(&app, &format!("/openrpc.json{query}"), None).await;
            (response.json()["info"]["x-content-hash"].clone(), response.headers["cache-control"].clone())
        };
        let (hash, forever) = caching(&format!("?v={version}")).await;
        assert_eq!((hash, forever.to_str().unwrap()), (json!(version), "public, max-age=31536000, immutable"));
        for other in ["", "?v=", "?v=0", "?w=1"] {
            assert_eq!(caching(other).await.1, "no-cache", "{other}");
        }
    }
}

/// A browser far away waits for each file.
#[tokio::test]
async fn page_needs_four_files_and_few_bytes() {
    let app = app().await;
    let files = crawl_from(&app, &["/", "/docs"]).await;
    let names: Vec<&str> = files.keys().map(|path| path.rsplit(['/', '-']).next().unwrap()).collect();
    assert_eq!(files.len(), 6, "{names:?}");
    let mut bytes = 0;
    for path in files.keys() {
        let url = format!("{}{}", app.url.trim_end_matches('/'), path);
        let packed = app.anonymous().http.get(url).header("accept-encoding", "gzip").send().await.unwrap();
        bytes += packed.bytes().await.unwrap().len();
    }
    assert!(bytes < 64 * 1024, "{bytes}");
}

#[tokio::test]
async fn address_with_a_slash_leads_to_the_page() {
    let app = app().await;
    let response = raw(&app.url, "GET /docs/ HTTP/1.1\r\nhost: h", b"").await;
    assert_eq!((response.status, &response.headers["location"]), (308, &http::HeaderValue::from_static("../docs")));
    let followed = app.anonymous().http.get(format!("{}docs/", app.url)).send().await.unwrap();
    assert_eq!((followed.status(), followed.url().path()), (200.try_into().unwrap(), "/docs"));
}

#[test]
fn sources_are_short_and_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/explorer");
    let mut used: BTreeSet<String> =
        ["index.html", "sign-in.html", "icon.svg", "built", "main.js", "main.css", "prelude.js", "sign-in.js"]
            .map(str::to_owned)
            .into();
    let entries = ["main.js", "main.css", "prelude.js", "sign-in.js"];
    let mut waiting: Vec<String> = entries.map(str::to_owned).to_vec();
    while let Some(name) = waiting.pop() {
        let source = fs::read_to_string(folder.join(&name)).unwrap();
        for other in source.split("\"./").skip(1).filter_map(|rest| rest.split('"').next()) {
            // Displayed code samples import other things.
            if folder.join(other).is_file() && used.insert(other.to_owned()) {
                waiting.push(other.to_owned());
            }
        }
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(used.contains(name), "nothing uses {name}");
        if path.is_file() {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            // The client is generated from several files.
            assert!(lines <= 400 || name == "client.js", "{name} has {lines} lines");
        }
    }
}

#[tokio::test]
async fn files_refer_to_no_other_host() {
    for (path, response) in crawl(&app().await).await {
        // A namespace, and where links to a customer's payments lead.
        let names = ["http://www.w3.org/2000/svg", "https://dashboard.stripe.com/"];
        let text = names.into_iter().fold(text(&response), |text, name| text.replace(name, ""));
        for foreign in ["://", "\"//", "@import"] {
            assert!(!text.contains(foreign), "{path} contains {foreign}");
        }
        assert!(!path.ends_with(".css") || !text.contains("url("), "{path}");
    }
}

#[tokio::test]
async fn files_use_no_inline_code_and_no_markup_from_text() {
    for (path, response) in crawl(&app().await).await {
        let text = text(&response);
        let markup = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "createContextualFragment"];
        let code = ["eval(", "new Function", "setTimeout(\"", ".style.", "cssText", "javascript:"];
        let stores = ["sessionStorage", "indexedDB", "cookieStore", "serviceWorker"];
        for forbidden in markup.into_iter().chain(code).chain(stores) {
            assert!(!text.contains(forbidden), "{path} contains {forbidden}");
        }
        if content_type(&path).starts_with("text/html") {
            assert!(!text.contains("<style") && !text.contains(" style="), "{path}");
            for script in text.split("<script").skip(1) {
                let (attributes, rest) = script.split_once('>').unwrap();
                let is_data = attributes == r#" type="application/json" id="answers""#;
                assert!(is_data || attributes.contains(" src="), "<script{attributes}");
                assert!(rest.starts_with("</script>"), "<script{attributes}");
            }
            for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
                let mut names = tag.split_whitespace().skip(1).filter_map(|attribute| attribute.split('=').next());
                assert!(!names.any(|name| name.starts_with("on")), "<{tag}>");
            }
        }
    }
}

/// tests/e2e/browser/calls.test.ts tries to get a token into it.
#[test]
fn one_module_keeps_things_in_the_browser_and_it_refuses_tokens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/explorer");
    let sources = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let source = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let keeping: Vec<PathBuf> = sources.filter(|path| source(path).contains("localStorage")).collect();
    assert_eq!(keeping, [folder.join("store.js")]);
    let writes = source(&keeping[0]);
    let (before, _after) = writes.split_once("localStorage.setItem").unwrap();
    assert!(before.contains("if (holdsToken(value)) return false;"));
    assert_eq!(writes.matches("localStorage.setItem").count(), 1);
}

/// It can't read the cookie of its session, and of its own one it only writes the name of a tab.
#[test]
fn the_page_writes_one_cookie_and_reads_none() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/explorer");
    let sources: String = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(sources.matches("document.cookie").count(), 1);
    assert!(sources.contains("document.cookie = `${PLACE}=${place}; Path=${path}; SameSite=Strict${"));
    assert!(sources.contains("store.leave(placeOf(location.hash), ROOT.pathname)"));
}

both_databases! {
    async fn calls_and_websockets_share_the_address_of_the_page(app: TestApp) {
        let user = app.user("user_1");
        assert_eq!(read(user.send(ME).await).await.json()["result"]["id"], "user_1");
        let mut socket = Socket::open(&user).await;
        assert_eq!(socket.call("user.me", json!({})).await["result"]["id"], "user_1");
        assert!(text(&get(&app, "/", None).await).starts_with("<!doctype html>"));
        assert_eq!(get(&app, "/docs?x=1", None).await.body, get(&app, "/", None).await.body);
    }
}

#[tokio::test]
async fn head_request_has_no_body() {
    let app = app().await;
    let length = get(&app, "/", None).await.body.len();
    let mut connection = Raw::open(&app.url).await;
    for path in ["/", "/docs"] {
        connection.send(format!("HEAD {path} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
        let response = connection.head_response().await.unwrap();
        assert_eq!((response.status, &response.headers["content-length"]), (200, &length.into()));
        assert_eq!(response.headers["content-security-policy"], POLICY);
    }
    // No body was sent: the next bytes are the next response.
    connection.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(connection.response().await.unwrap().json(), json!({"status": "ok"}));
}

#[tokio::test]
async fn unknown_files_are_not_found() {
    let app = app().await;
    for path in ["/docs/nothing.js", "/docs/main.js", "/docs/index.html", "/docs/../Cargo.toml", "/docs/%63onsole.js"] {
        let response = raw(&app.url, &format!("GET {path} HTTP/1.1\r\nhost: h"), b"").await;
        assert_refused(&response, 404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn page_opens_from_any_origin_without_cors_headers() {
    let app = app().await;
    let request = app.anonymous().http.get(&app.url).header("origin", "https://elsewhere.example.com");
    let response = read(request.send().await.unwrap()).await;
    assert_eq!(response.status, 200);
    assert!(!response.headers.contains_key("access-control-allow-origin"));
    assert_eq!(response.headers["cross-origin-resource-policy"], "same-origin");
}
