//! The explorer: a web page that documents the procedures, calls them, and has a dashboard for admins. It is compiled
//! into the binary, loads nothing from other hosts, and only uses the public API.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use procedures::{Share, whole};
use sha2::{Digest, Sha256};

use super::{
    compressed::Text,
    response::{IMMUTABLE, Response, versioned},
};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// For the page, which names the current files (RFC 9111 §5.2.2.4).
const REVALIDATED: &str = "no-cache";

/// The Content Security Policy (level 3): scripts, styles, images and connections of this origin only. 'self' includes
/// WebSockets. `require-trusted-types-for` makes the browser refuse to parse text as HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const PAGE: &str = include_str!("explorer/index.html");
/// What a link to sign in opens.
const SIGN_IN: &str = include_str!("explorer/sign-in.html");
/// The pages by their paths.
const PAGES: [(&str, &str); 3] = [("/", PAGE), ("/docs", PAGE), ("/sign-in", SIGN_IN)];

/// What the pages load: its name in the page, below `docs/`, content type, content. Scripts and styles are bundled by
/// `tests/e2e/explorer-bundle`, so that a browser far away asks for few files.
const ASSETS: [(&str, &str, &str); 5] = [
    ("console.css", CSS, include_str!("explorer/built/console.css")),
    ("console.js", JAVASCRIPT, include_str!("explorer/built/console.js")),
    ("prelude.js", JAVASCRIPT, include_str!("explorer/built/prelude.js")),
    ("icon.svg", SVG, include_str!("explorer/icon.svg")),
    ("sign-in.js", JAVASCRIPT, include_str!("explorer/built/sign-in.js")),
];

/// Where answers stand in a page.
const ANSWERS: &str = r#"<script type="application/json" id="answers">"#;

/// The files of the explorer by their paths.
pub struct Explorer(HashMap<String, File>);

impl Explorer {
    /// The explorer for the procedures whose OpenRPC document is at this address, relative to `/`.
    pub fn new(document: &str) -> Self {
        let mut files = HashMap::new();
        let mut pages =
            PAGES.map(|(path, page)| (path, page.replace("openrpc.json\" as", &format!("{document}\" as"))));
        for (name, kind, body) in ASSETS {
            let version = version(body);
            let fingerprinted = fingerprinted(name, &version);
            for (_, page) in &mut pages {
                *page = page.replace(&format!("docs/{name}"), &format!("docs/{fingerprinted}"));
            }
            let file = File { kind, text: Text::new(body), version, caching: IMMUTABLE };
            files.insert(format!("/docs/{fingerprinted}"), file);
        }
        for (path, page) in pages {
            let version = version(&page);
            let file = File { kind: HTML, text: Text::new(page), version, caching: REVALIDATED };
            files.insert(path.to_owned(), file);
        }
        Self(files)
    }

    /// The file at this path of the server; None if there is none.
    pub fn at(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}

/// A file of the explorer.
pub struct File {
    kind: &'static str,
    text: Text,
    version: String,
    caching: &'static str,
}

impl File {
    /// The file, or 304 if the browser has this version already.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = versioned(headers, &self.version, self.kind, &self.text);
        let headers = response.headers_mut();
        // On a 304 too: its headers replace those that the browser has stored with the page.
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.caching));
        response
    }

    /// Whether it is a page with a place for answers.
    pub fn has_answers(&self) -> bool {
        self.around_answers().is_some()
    }

    /// The page with these answers, which are JSON. Nobody may keep it. `share` is what the answers occupy. None without a place for
    /// them.
    pub fn with_answers(&self, answers: &str, share: Share) -> Option<Response> {
        let (before, after) = self.around_answers()?;
        // Only strings have this character, so no answer ends the element.
        let answers = answers.replace('<', "\\u003c");
        let page = share.keep(format!("{before}{ANSWERS}{answers}{after}"));
        let mut response = whole(StatusCode::OK, self.kind, page);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Some(response)
    }

    fn around_answers(&self) -> Option<(&str, &str)> {
        str::from_utf8(self.text.plain_bytes()).ok()?.split_once(ANSWERS)
    }
}

/// The name of an asset with its version, such as `console-4x2Lz0aBcDeFgHiJ.js`.
fn fingerprinted(name: &str, version: &str) -> String {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let short: String = version.chars().take(16).collect();
    format!("{stem}-{short}.{extension}")
}

fn version(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}
