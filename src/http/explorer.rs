//! The explorer: a web page that documents the procedures, calls them, and has a dashboard for admins. It is compiled
//! into the binary, loads nothing from other hosts, and only uses the public API.

use std::{collections::HashMap, sync::LazyLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

use super::response::{Response, versioned};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The Content Security Policy (level 3): scripts, styles, images and connections of this origin only. 'self' includes
/// WebSockets. `require-trusted-types-for` makes the browser refuse to parse text as HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const PAGE: (&str, &str, &str) = ("", HTML, include_str!("explorer/index.html"));

/// Path below `/docs/`, content type, content.
const ASSETS: [(&str, &str, &str); 41] = [
    ("account.js", JAVASCRIPT, include_str!("explorer/account.js")),
    ("action.js", JAVASCRIPT, include_str!("explorer/action.js")),
    ("audit.js", JAVASCRIPT, include_str!("explorer/audit.js")),
    ("badge.js", JAVASCRIPT, include_str!("explorer/badge.js")),
    ("base.css", CSS, include_str!("explorer/base.css")),
    ("check.js", JAVASCRIPT, include_str!("explorer/check.js")),
    ("client.js", JAVASCRIPT, include_str!("explorer/client.js")),
    ("clusters.js", JAVASCRIPT, include_str!("explorer/clusters.js")),
    ("code.js", JAVASCRIPT, include_str!("explorer/code.js")),
    ("confirm.js", JAVASCRIPT, include_str!("explorer/confirm.js")),
    ("control.js", JAVASCRIPT, include_str!("explorer/control.js")),
    ("copy.js", JAVASCRIPT, include_str!("explorer/copy.js")),
    ("dashboard.js", JAVASCRIPT, include_str!("explorer/dashboard.js")),
    ("dom.js", JAVASCRIPT, include_str!("explorer/dom.js")),
    ("events.js", JAVASCRIPT, include_str!("explorer/events.js")),
    ("failure.js", JAVASCRIPT, include_str!("explorer/failure.js")),
    ("form.js", JAVASCRIPT, include_str!("explorer/form.js")),
    ("icon.svg", SVG, include_str!("explorer/icon.svg")),
    ("json.js", JAVASCRIPT, include_str!("explorer/json.js")),
    ("layout.css", CSS, include_str!("explorer/layout.css")),
    ("list.js", JAVASCRIPT, include_str!("explorer/list.js")),
    ("lists.css", CSS, include_str!("explorer/lists.css")),
    ("live.js", JAVASCRIPT, include_str!("explorer/live.js")),
    ("main.js", JAVASCRIPT, include_str!("explorer/main.js")),
    ("moment.js", JAVASCRIPT, include_str!("explorer/moment.js")),
    ("navigation.js", JAVASCRIPT, include_str!("explorer/navigation.js")),
    ("overview.js", JAVASCRIPT, include_str!("explorer/overview.js")),
    ("params.js", JAVASCRIPT, include_str!("explorer/params.js")),
    ("parts.css", CSS, include_str!("explorer/parts.css")),
    ("procedure.js", JAVASCRIPT, include_str!("explorer/procedure.js")),
    ("registry.js", JAVASCRIPT, include_str!("explorer/registry.js")),
    ("rpc.js", JAVASCRIPT, include_str!("explorer/rpc.js")),
    ("schema.js", JAVASCRIPT, include_str!("explorer/schema.js")),
    ("session.js", JAVASCRIPT, include_str!("explorer/session.js")),
    ("shape.js", JAVASCRIPT, include_str!("explorer/shape.js")),
    ("snippet.js", JAVASCRIPT, include_str!("explorer/snippet.js")),
    ("stats.js", JAVASCRIPT, include_str!("explorer/stats.js")),
    ("theme.js", JAVASCRIPT, include_str!("explorer/theme.js")),
    ("trial.js", JAVASCRIPT, include_str!("explorer/trial.js")),
    ("users.js", JAVASCRIPT, include_str!("explorer/users.js")),
    ("visible.js", JAVASCRIPT, include_str!("explorer/visible.js")),
];

static FILES: LazyLock<HashMap<String, File>> = LazyLock::new(|| {
    let pages = ["/", "/docs"].map(|path| (path.to_owned(), PAGE));
    let assets = ASSETS.map(|asset| (format!("/docs/{}", asset.0), asset));
    pages
        .into_iter()
        .chain(assets)
        .map(|(path, (_, kind, body))| (path, File { kind, body, etag: etag(body) }))
        .collect()
});

/// A file of the explorer.
pub struct File {
    kind: &'static str,
    body: &'static str,
    etag: String,
}

impl File {
    /// The file at this path of the server; None if there is none.
    pub fn at(path: &str) -> Option<&'static Self> {
        FILES.get(path)
    }

    /// The file, or 304 if the browser has this version already.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = versioned(headers, &self.etag, self.kind, Bytes::from_static(self.body.as_bytes()));
        // On a 304 too: its headers replace those that the browser has stored with the page.
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }
}

fn etag(text: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
}
