//! The explorer's page with the answers to its first calls, for a browser that is signed in: who that is, and what the tab that it
//! left shows first. So a reload takes one round trip (docs/PERFORMANCE.md, "The explorer").

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use http::{Extensions, HeaderMap, Method};
use procedures::jsonrpc::Incoming as Message;
use serde::Serialize;
use serde_json::{json, value::RawValue};
use tokio::time::timeout;

use super::{
    client::bearer,
    console_cookie,
    cookies::cookies,
    explorer::File,
    response::Response,
    site::{ClientConnection, Site},
};
use crate::{auth::Credential, kernel::Context, models::audit::Door};

/// The cookie in which the explorer notes the tab that is being left. It is only a hint: the page asks for what is missing.
const PLACE: &str = "clusterdesk-place";

/// How long the page waits for its answers. After that it is sent without them, and asks by itself.
const PATIENCE: Duration = Duration::from_millis(300);

/// A procedure, and its input if it has one.
type FirstCall = (String, Option<Box<RawValue>>);

/// What the tabs call first, by their names. The explorer's scripts read the same file.
static FIRST: LazyLock<HashMap<String, FirstCall>> =
    LazyLock::new(|| serde_json::from_str(include_str!("explorer/first.json")).unwrap_or_default());

/// What the page finds in itself.
#[derive(Serialize)]
struct Answers<'a> {
    /// Whether the cookie is bound to this host, so that no page without TLS can have planted it.
    bound: bool,
    calls: &'a [&'a FirstCall],
    /// A response to a batch.
    answers: &'a RawValue,
}

impl Site {
    /// This file with answers, for a GET. None if it has no place for them, or if there is no session or no answer in time: the file
    /// as it is will do.
    pub(super) async fn answered(
        &self,
        page: &File,
        headers: &HeaderMap,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Option<Response> {
        if !page.has_answers() {
            return None;
        }
        console_cookie::read(headers)?;
        timeout(PATIENCE, self.in_any_time(page, headers, connection, request_id)).await.ok()?
    }

    /// The same, however long it takes.
    async fn in_any_time(
        &self,
        page: &File,
        headers: &HeaderMap,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Option<Response> {
        let caller = self.client(connection, (&Method::GET, headers), bearer(headers), Door::Jsonrpc).await.ok()?;
        if !matches!(caller.credential, Credential::Session(_)) {
            return None;
        }
        let who = ("user.me".to_owned(), None);
        let calls: Vec<&FirstCall> = std::iter::once(&who).chain(first(headers)).collect();
        let request = |(id, (method, params)): (usize, &&FirstCall)| match params {
            Some(params) => json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}),
            None => json!({"jsonrpc": "2.0", "id": id, "method": method}),
        };
        let batch = serde_json::to_vec(&calls.iter().enumerate().map(request).collect::<Vec<_>>()).ok()?;
        let share = self.budget.share(self.kernel.knows(&caller));
        let mut extensions = Extensions::new();
        extensions.insert(Arc::new(Context { request_id: request_id.to_owned(), caller, share: share.clone() }));
        let message = Message { message: &batch, request_id, extensions };
        let reply = self.jsonrpc.answer(message).await.body?;
        let answers = serde_json::from_str(&reply).ok()?;
        let found = Answers { bound: console_cookie::is_bound(headers), calls: &calls, answers };
        let response = page.with_answers(&serde_json::to_string(&found).ok()?, share)?;
        Some(self.session_cookies.mark(response, true))
    }
}

/// What the tab in the cookie calls first.
fn first(headers: &HeaderMap) -> Option<&'static FirstCall> {
    let cookies = cookies(headers);
    let (_, place) = cookies.iter().find(|(name, _)| *name == PLACE)?;
    FIRST.get(*place)
}
