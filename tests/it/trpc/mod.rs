//! The tRPC wire format. tests/e2e tests it with the real `@trpc/client`.

mod batches;
mod calls;
mod errors;
mod events;
mod lines;
mod plain;
mod refusals;
mod sockets;
mod superjson;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::Client;

const SUPERJSON: &str = "trpc";
/// The path of the old server.
const OLD: &str = "api/trpc/edge";
/// The path of the project from which the old server was forked.
const FORKED: &str = "api/trpc/lambda";
const PLAIN: &str = "trpc-plain";

/// A client that calls one mount.
struct Trpc {
    client: Client,
    mount: &'static str,
}

/// The status and the JSON body of a response.
type Answer = (u16, Value);

impl Trpc {
    fn new(client: Client, mount: &'static str) -> Self {
        Self { client, mount }
    }

    fn url(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        format!("{}{}/{path}?{}", self.client.url, self.mount, query.finish())
    }

    fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.client.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> RequestBuilder {
        self.with_token(self.client.http.get(self.url(path, parameters)))
    }

    fn post(&self, path: &str, parameters: &[(&str, &str)], body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.client.http.post(self.url(path, parameters)).header("content-type", "application/json");
        self.with_token(request.body(body))
    }

    /// A query by GET; an input of null is left out.
    async fn query(&self, path: &str, input: Value) -> Answer {
        let text = input.to_string();
        let parameters = if input.is_null() { vec![] } else { vec![("input", text.as_str())] };
        answer(self.get(path, &parameters).send().await.unwrap()).await
    }

    /// A call by POST; an input of null is an empty body.
    async fn mutate(&self, path: &str, input: Value) -> Answer {
        let body = if input.is_null() { String::new() } else { input.to_string() };
        answer(self.post(path, &[], body).send().await.unwrap()).await
    }
}

/// Reads a response and checks its headers.
async fn answer(response: Response) -> Answer {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers().get_all("vary").iter().any(|vary| vary == "trpc-accept, accept"));
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

/// The annotation of a `Date`.
fn date() -> Value {
    json!(["Date"])
}
