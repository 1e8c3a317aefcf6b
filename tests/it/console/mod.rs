//! Browsers that are signed in to the explorer: by a link that works once, and then by a cookie.

mod answered;
mod cross_site;
mod ends;
mod links;
mod oidc;
mod sessions;
mod surfaces;

use clusterdesk::{auth::make_link, db::Timestamp};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::TestApp;

/// A browser with the cookie of a session.
pub(crate) struct Browser {
    http: reqwest::Client,
    url: String,
    /// `name=value`
    cookie: String,
}

/// A link for a user: its secret.
fn link(app: &TestApp, user: &str) -> String {
    make_link(&mut app.connect(), user, Timestamp::now()).unwrap().secret.expose().to_owned()
}

/// What the page sends when its button is pressed, with these headers.
async fn press(app: &TestApp, link: &str, headers: &[(&str, &str)]) -> Response {
    let body = json!({"link": link}).to_string();
    let post = app.anonymous().http.post(format!("{}sign-in", app.url)).header("content-type", "application/json");
    with(post, headers).body(body).send().await.unwrap()
}

fn origin(app: &TestApp) -> &str {
    app.url.trim_end_matches('/')
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// The HTTP status, and the code of the error if there is one.
async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (status, body.pointer("/error/data/code").cloned().unwrap_or_default())
}

impl Browser {
    /// The same browser at another server.
    pub(crate) fn at(&self, app: &TestApp) -> Self {
        Self { url: app.url.clone(), http: self.http.clone(), cookie: self.cookie.clone() }
    }

    /// Signs a user in, whose row exists.
    pub(crate) async fn sign_in(app: &TestApp, user: &str) -> Self {
        let response = press(app, &link(app, user), &[("origin", origin(app))]).await;
        assert_eq!(response.status(), StatusCode::OK);
        let set = response.headers()["set-cookie"].to_str().unwrap().to_owned();
        let cookie = set.split(';').next().unwrap().to_owned();
        Self { http: app.anonymous().http, url: app.url.clone(), cookie }
    }

    fn secret(&self) -> &str {
        self.cookie.split_once('=').unwrap().1
    }

    fn origin(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// The headers with which the page calls, which browsers add.
    pub(crate) fn own(&self) -> [(&str, &str); 2] {
        [("cookie", &self.cookie), ("origin", self.origin())]
    }

    /// Calls over JSON-RPC with these headers: the result, or the code of the error.
    async fn call_with(&self, method: &str, params: Value, headers: &[(&str, &str)]) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let post = self.http.post(&self.url).header("content-type", "application/json").body(message.to_string());
        let body: Value = with(post, headers).send().await.unwrap().json().await.unwrap();
        body.get("result").or_else(|| body.pointer("/error/data/code")).unwrap_or(&body).clone()
    }

    /// Calls as the page does.
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.call_with(method, params, &self.own()).await
    }

    /// The id of the caller, or the code of the error.
    async fn who(&self) -> Value {
        let me = self.call("user.me", json!({})).await;
        me.get("id").unwrap_or(&me).clone()
    }

    pub(crate) async fn sign_out(&self, headers: &[(&str, &str)]) -> Response {
        with(self.http.post(format!("{}sign-out", self.url)), headers).send().await.unwrap()
    }
}
