//! Signing in with an OpenID provider, which runs in the tests on a real socket.

mod attempts;
mod beginnings;
mod id_tokens;
mod outages;
mod provider;
mod sign_ins;

use std::sync::Arc;

use reqwest::{Response, redirect::Policy};

use self::provider::{Form, Provider, form};
use super::{Browser, with};
use crate::support::{Builder, TestApp};

const CLIENT: &str = "the-console";
const SECRET: &str = "a secret of the tests";
/// Where browsers open the explorer, in the words of their `Host` header. The server has another port, as behind a proxy.
const HOST: &str = "127.0.0.1:1";
const REDIRECT: &str = "http://127.0.0.1:1/sign-in/oidc/callback";

/// A server whose explorer people enter by this provider.
fn by(builder: Builder, provider: &Provider) -> Builder {
    let builder = builder.flag("oidc-issuer", &provider.url).flag("oidc-redirect-url", REDIRECT);
    builder.flag("oidc-client-id", CLIENT).flag("oidc-client-secret", SECRET)
}

/// A server and its provider.
async fn start(builder: Builder) -> (TestApp, Arc<Provider>) {
    let provider = Provider::start().await;
    (by(builder, &provider).start().await, provider)
}

/// A browser that is on its way.
#[derive(Clone)]
struct Visitor {
    http: reqwest::Client,
    url: String,
    /// `name=value`
    cookie: String,
    /// The parameters of the request to the provider.
    request: Form,
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).build().unwrap()
}

fn location(response: &Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

/// The word for why nobody was signed in.
fn refusal(response: &Response) -> String {
    assert_eq!(response.status(), 303);
    let (page, query) = location(response).split_once('?').unwrap_or_else(|| panic!("{response:?} is no refusal"));
    assert!(["../sign-in", "../../sign-in"].contains(&page), "{page}");
    let query = form(query.as_bytes());
    assert_eq!(query["request"], response.headers()["x-request-id"].to_str().unwrap());
    assert_eq!(query.len(), 2);
    query["failed"].clone()
}

/// Presses "Sign in with …".
async fn press(app: &TestApp) -> Response {
    press_with(app, &[("host", HOST), ("sec-fetch-site", "same-origin")]).await
}

async fn press_with(app: &TestApp, headers: &[(&str, &str)]) -> Response {
    with(client().get(format!("{}sign-in/oidc", app.url)), headers).send().await.unwrap()
}

impl Visitor {
    /// A browser that the server has sent to the provider.
    async fn begin(app: &TestApp, provider: &Provider) -> Self {
        Self::sent(app, provider, &press(app).await)
    }

    /// The browser of this answer.
    fn sent(app: &TestApp, provider: &Provider, response: &Response) -> Self {
        assert_eq!(response.status(), 303);
        let (place, query) = location(response).split_once('?').unwrap();
        assert_eq!(place, format!("{}/authorize", provider.url));
        let set = response.headers()["set-cookie"].to_str().unwrap();
        let (cookie, attributes) = set.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/sign-in/oidc; Max-Age=600; HttpOnly; SameSite=Lax");
        Self { http: client(), url: app.url.clone(), cookie: cookie.to_owned(), request: form(query.as_bytes()) }
    }

    fn state(&self) -> &str {
        &self.request["state"]
    }

    /// Comes back with these parameters.
    async fn come_back(&self, parameters: &[(&str, &str)]) -> Response {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let get = self.http.get(format!("{}sign-in/oidc/callback?{query}", self.url));
        with(get, &[("cookie", &self.cookie), ("sec-fetch-site", "cross-site")]).send().await.unwrap()
    }

    /// Is let in by the provider, and comes back with its code.
    async fn finish(&self, provider: &Provider) -> Response {
        self.come_back(&[("code", &provider.authorize(&self.request)), ("state", self.state())]).await
    }
}

/// A browser that has gone to the provider and back.
async fn visit(app: &TestApp, provider: &Provider) -> Response {
    Visitor::begin(app, provider).await.finish(provider).await
}

/// The browser that got a session by this answer.
fn signed_in(app: &TestApp, response: &Response) -> Browser {
    assert_eq!((response.status().as_u16(), location(response)), (303, "../../"));
    let cookies: Vec<&str> = response.headers().get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    let [session, attempt] = cookies[..] else { panic!("{cookies:?}") };
    assert_eq!(attempt, "clusterdesk-sign-in=; Path=/sign-in/oidc; Max-Age=0; HttpOnly; SameSite=Lax");
    let (cookie, attributes) = session.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
    assert!(cookie.starts_with("clusterdesk-session=cdc_"));
    Browser { http: client(), url: app.url.clone(), cookie: cookie.to_owned() }
}
