//! `GET /sign-in/oidc` sends the browser to the identity provider, and `GET /sign-in/oidc/callback` opens a session when it comes back.
//! Both answer with a redirect: to the provider, to the explorer, or to the page that says in words why nobody was signed in.
//! `GET /sign-in/options` tells the explorer whether there is a provider.

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use procedures::{Code, whole};
use serde_json::json;

use super::{
    attempt_cookie, console_cookie,
    refusal::{self, Wire, visible},
    response::{JSON, Response},
    site::{ClientConnection, Site},
};
use crate::{
    auth::{Attempt, ConsoleSecret, Credential, Failure, IdentityProvider, OIDC_CALLBACK},
    db::Timestamp,
    error::Error,
    kernel::Client,
};

/// Where the browser begins.
const START: &str = "/sign-in/oidc";
/// What the explorer asks.
pub(super) const OPTIONS: &str = "/sign-in/options";

/// Most characters of an error of the provider that are logged.
const ERROR_CHARS: usize = 40;

/// Whether a request to a path is answered by [`Site::sign_in_by`].
pub(super) fn is_here(path: &str) -> bool {
    path == START || path == OIDC_CALLBACK
}

/// Why nobody was signed in.
struct Refusal {
    /// The word for it, which the page turns into a sentence.
    reason: &'static str,
    code: Code,
    /// For the log.
    detail: String,
}

/// What the provider has sent with the browser (RFC 6749 §4.1.2, RFC 9207).
#[derive(Default)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Site {
    /// Whether there is a provider to sign in by, and its name for people.
    pub(super) fn sign_in_options(&self, method: &Method, request_id: &str) -> Response {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refusal::wrong_method(Wire::JsonRpc, "GET, HEAD", "Get this by GET.", request_id);
        }
        let provider = self.provider.as_ref().map(IdentityProvider::host);
        whole(StatusCode::OK, JSON, json!({ "provider": provider }).to_string())
    }

    /// Answers one request of a browser on its way to the provider or back.
    pub(super) async fn sign_in_by(
        &self,
        provider: &IdentityProvider,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
    ) -> Response {
        if request.method() != Method::GET {
            return refusal::wrong_method(Wire::JsonRpc, "GET", "A browser gets this page.", request_id);
        }
        let (head, _) = request.into_parts();
        let client = self.browser(connection, &head.headers, Credential::Anonymous);
        let is_start = head.uri.path() == START;
        let answered = match is_start {
            true => self.start(provider, &client, &head.headers, request_id).await,
            false => self.finish(provider, &client, &head, request_id).await,
        };
        // Relative, because a proxy may have mounted the explorer below a prefix.
        let up = if is_start { "../" } else { "../../" };
        let mut response = answered.unwrap_or_else(|refusal| {
            let Refusal { reason, code, detail } = refusal;
            let code = code.as_str();
            tracing::info!(request_id, code, reason, detail, "sign-in by the identity provider refused");
            see_other(&format!("{up}sign-in?failed={reason}&request={request_id}"))
        });
        if !is_start {
            add_cookie(response.headers_mut(), attempt_cookie::clear(provider));
        }
        response
    }

    async fn start(
        &self,
        provider: &IdentityProvider,
        client: &Client,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Result<Response, Refusal> {
        if let Some(page) = self.page_to_begin_at(provider, headers, request_id) {
            return Ok(see_other(&page));
        }
        self.kernel.count_attempt(client).await.map_err(|error| Refusal::of(error, request_id))?;
        let attempt = Attempt::begin(Timestamp::now());
        let mut response = see_other(&provider.authorization_url(&attempt).await?);
        add_cookie(response.headers_mut(), attempt_cookie::set(&attempt, provider));
        Ok(response)
    }

    /// The page whose button must be pressed first. None where it was pressed.
    fn page_to_begin_at(&self, provider: &IdentityProvider, headers: &HeaderMap, request_id: &str) -> Option<String> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        // The provider sends the browser back to another host, where it would not have the cookie.
        if !provider.is_opened_at(host) {
            tracing::info!(request_id, host, "a sign-in was begun at another host than that of OIDC_REDIRECT_URL");
            return Some(provider.sign_in_page());
        }
        // Another site could sign the browser in without a question, which may end a session elsewhere.
        (!self.origins.is_own_page(headers, true)).then(|| "../sign-in".to_owned())
    }

    async fn finish(
        &self,
        provider: &IdentityProvider,
        client: &Client,
        head: &Parts,
        request_id: &str,
    ) -> Result<Response, Refusal> {
        let session = self.session(provider, client, head, request_id).await?;
        let mut response = see_other("../../");
        add_cookie(response.headers_mut(), console_cookie::give(provider.has_tls(), &session));
        Ok(response)
    }

    /// The secret of a new session for whom the provider names.
    async fn session(
        &self,
        provider: &IdentityProvider,
        client: &Client,
        head: &Parts,
        request_id: &str,
    ) -> Result<ConsoleSecret, Refusal> {
        let known = |error| Refusal::of(error, request_id);
        self.kernel.count_end_of_attempt(client).await.map_err(known)?;
        let answer =
            Answer::read(head.uri.query().unwrap_or_default()).ok_or_else(|| Refusal::stale("a repeated parameter"))?;
        let attempt = attempt_cookie::read(&head.headers, provider, Timestamp::now());
        let attempt = attempt.ok_or_else(|| Refusal::stale("no attempt of this browser, or an old one"))?;
        if answer.state.as_deref() != Some(attempt.state().as_str()) {
            return Err(Refusal::stale("the state is not that of this browser"));
        }
        if answer.issuer.is_some_and(|issuer| issuer != provider.issuer()) {
            return Err(Refusal::rejected("the answer is of another issuer"));
        }
        if !self.kernel.use_attempt(&attempt).await.map_err(known)? {
            return Err(Refusal::stale("the attempt was used before"));
        }
        if let Some(error) = answer.error {
            return Err(Refusal::declined(&error));
        }
        let code = answer.code.ok_or_else(|| Refusal::rejected("the answer has no code"))?;
        let claims = provider.identify(&attempt, code).await?;
        self.kernel.sign_in_as(client, request_id, claims).await.map_err(known)
    }
}

impl Answer {
    /// Reads the query of a URL. None when a parameter is repeated (RFC 6749 §3.1).
    fn read(query: &str) -> Option<Self> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "error" => &mut answer.error,
                "iss" => &mut answer.issuer,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(answer)
    }
}

impl Refusal {
    fn of(error: Error, request_id: &str) -> Self {
        let error = visible(error, request_id);
        let reason = match error.code {
            Code::TooManyRequests => "limit",
            Code::Unauthorized => "account",
            _ => "failed",
        };
        Self { reason, code: error.code, detail: error.message.to_string() }
    }

    fn stale(detail: &str) -> Self {
        Self { reason: "stale", code: Code::Unauthorized, detail: detail.to_owned() }
    }

    fn rejected(detail: &str) -> Self {
        Self { reason: "rejected", code: Code::Unauthorized, detail: detail.to_owned() }
    }

    fn declined(error: &str) -> Self {
        let error: String = error.chars().take(ERROR_CHARS).collect();
        Self { reason: "declined", code: Code::Unauthorized, detail: format!("the provider answered {error:?}") }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        let (reason, code, why) = match failure {
            Failure::Unavailable(why) => ("unavailable", Code::ServiceUnavailable, why),
            Failure::Rejected(why) => ("rejected", Code::Unauthorized, why),
        };
        Self { reason, code, detail: format!("{why:#}") }
    }
}

/// 303: the browser gets another page. One that can't be named in a header is left out, which no URL is.
fn see_other(address: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().extend(HeaderValue::from_str(address).ok().map(|address| (header::LOCATION, address)));
    response
}

fn add_cookie(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}
