//! `POST /sign-in` and `POST /sign-out`: give a browser a session of the explorer, and end it. Opening the link by GET only shows a
//! page with a button, so programs that look at links don't use it up. Its secret is in the fragment of the URL, which browsers
//! send to nobody.

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use procedures::{Code, Error, Result, whole};
use serde::Deserialize;
use serde_json::json;

use super::{
    body::{self, unsupported_media_type},
    client::address,
    console_cookie,
    refusal::{self, Wire, visible},
    response::{JSON, Response},
    site::{ClientConnection, Site},
};
use crate::{auth::Credential, kernel::Client};

/// Where a browser is signed in. By GET it is a page of the explorer.
pub(super) const SIGN_IN: &str = "/sign-in";
/// Where it is signed out.
pub(super) const SIGN_OUT: &str = "/sign-out";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// The secret of the link.
    link: String,
}

/// Whether a request to a path is answered here.
pub(super) fn is_here(method: &Method, path: &str) -> bool {
    path == SIGN_OUT || path == SIGN_IN && !matches!(*method, Method::GET | Method::HEAD)
}

impl Site {
    /// Answers one request to [`SIGN_IN`] or [`SIGN_OUT`].
    pub(super) async fn sign_in_or_out(
        &self,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Response {
        let is_in = request.uri().path() == SIGN_IN;
        if request.method() != Method::POST {
            let allowed = if is_in { "GET, HEAD, POST" } else { "POST" };
            return refusal::wrong_method(Wire::JsonRpc, allowed, "The explorer does this by POST.", request_id);
        }
        let headers = request.headers().clone();
        let done = match is_in {
            true => self.sign_in(request, connection, request_id).await,
            false => self.sign_out(&headers, connection, request_id).await,
        };
        match done {
            Ok(cookie) => {
                let mut response = whole(StatusCode::OK, JSON, json!({"success": true}).to_string());
                response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
                response
            }
            Err(error) => refusal::refuse(Wire::JsonRpc, &error, request_id),
        }
    }

    async fn sign_in(
        &self,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Result<Option<HeaderValue>> {
        let (head, incoming) = request.into_parts();
        // Another site could sign the browser in as somebody else.
        if !head.headers.contains_key(header::ORIGIN) || !self.origins.is_own_page(&head.headers, false) {
            return Err(Error::new(Code::Forbidden, NOT_OWN));
        }
        if !body::is_json(&head.headers) {
            return Err(unsupported_media_type());
        }
        let share = self.budget.share(false);
        let body = body::read(incoming, &head.headers, &self.limits, connection, &share).await?;
        let unreadable = |_error| Error::new(Code::BadRequest, "Send the secret of the link: {\"link\": \"cdc_…\"}.");
        let SignIn { link } = serde_json::from_slice(&body).map_err(unreadable)?;
        let client = self.browser(connection, &head.headers, Credential::Anonymous);
        let session = self.kernel.sign_in(&client, request_id, &link).await;
        let session = session.map_err(|error| visible(error, request_id))?;
        Ok(console_cookie::set(&head.headers, &session))
    }

    async fn sign_out(
        &self,
        headers: &HeaderMap,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Result<Option<HeaderValue>> {
        if !self.origins.is_own_page(headers, false) {
            return Err(Error::new(Code::Forbidden, NOT_OWN));
        }
        let credential = console_cookie::read(headers).map_or(Credential::Anonymous, console_cookie::credential);
        let done = self.kernel.sign_out(&self.browser(connection, headers, credential), request_id).await;
        done.map_err(|error| visible(error, request_id))?;
        Ok(console_cookie::clear(headers))
    }

    /// Who sends a request of a browser.
    pub(super) fn browser(&self, connection: &ClientConnection, headers: &HeaderMap, credential: Credential) -> Client {
        let address = address(connection.peer, headers, &self.trusted_proxies);
        Client { address, credential, ..Client::default() }
    }
}

const NOT_OWN: &str = "Only the explorer can do this, at an origin that is not in APP_URL or ALLOWED_ORIGINS.";
