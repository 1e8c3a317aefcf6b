//! Sign-in by cookie (`SESSION_COOKIES`).

mod cross_site;
mod responses;
mod sign_in;

use reqwest::Response;
use serde_json::Value;

use crate::support::{Backend, Builder, On, TestApp, claims, hs256};

const APP: &str = "https://app.example.com";
const ME: &str = r#"{"jsonrpc":"2.0","id":1,"method":"user.me"}"#;
const OLD: &str = "api/trpc/edge";

/// A server that takes Clerk's cookies.
struct App(TestApp);

impl On for App {
    async fn on(backend: Backend) -> Self {
        Self(builder(backend).start().await)
    }
}

fn builder(backend: Backend) -> Builder {
    let cookies = Builder::new(backend).flag("session-cookies", "__session, __session_*");
    cookies.flag("app-url", APP)
}

/// A cookie with a session of this user.
fn cookie(user: &str) -> String {
    format!("__session={}", hs256(&claims(user)))
}

impl App {
    /// `user.me` over JSON-RPC with these headers: the HTTP status, and the caller's id or the code of the error.
    async fn post(&self, headers: &[(&str, &str)]) -> (u16, Value) {
        let post = self.0.anonymous().post().body(ME);
        told(with(post, headers).send().await.unwrap()).await
    }

    /// The same by tRPC's GET, at the old address.
    async fn get(&self, headers: &[(&str, &str)]) -> (u16, Value) {
        let get = self.0.anonymous().http.get(format!("{}{OLD}/user.me", self.0.url));
        told(with(get, headers).send().await.unwrap()).await
    }

    /// A mutation over the old address.
    async fn create(&self, headers: &[(&str, &str)]) -> Response {
        let client = self.0.anonymous();
        let post = client.http.post(format!("{}{OLD}/k8s.createCluster", self.0.url));
        let post = post.header("content-type", "application/json").body(r#"{"json":{"name":"web","location":"eu"}}"#);
        with(post, headers).send().await.unwrap()
    }
}

fn with(request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// The HTTP status, and the id in the result or the code of the error.
async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let places = ["/result/id", "/result/data/json/id", "/error/data/code", "/error/json/data/code"];
    (status, places.iter().find_map(|place| body.pointer(place)).unwrap_or(&body).clone())
}
