//! A client over HTTP.

use reqwest::{ClientBuilder, RequestBuilder, Response};
use serde_json::{Value, json};

use super::catalogue;

/// A client of the JSON-RPC endpoint.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
    pub token: Option<String>,
}

/// The error object of a JSON-RPC response.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure(pub Value);

impl Failure {
    /// `error.data.code`
    pub fn code(&self) -> &str {
        self.0["data"]["code"].as_str().unwrap()
    }

    pub fn message(&self) -> &str {
        self.0["message"].as_str().unwrap()
    }

    /// `path: code` of every issue, in alphabetical order.
    pub fn issues(&self) -> Vec<String> {
        let issues = self.0["data"]["issues"].as_array().unwrap();
        let mut issues: Vec<String> = issues
            .iter()
            .map(|issue| format!("{}: {}", issue["path"].as_str().unwrap(), issue["code"].as_str().unwrap()))
            .collect();
        issues.sort();
        issues
    }
}

impl Client {
    pub fn new(url: &str, token: Option<String>) -> Self {
        Self { http: Self::http().build().unwrap(), url: url.to_owned(), token }
    }

    /// An HTTP client that trusts no certificate authority: test servers do not use TLS, and reading the system's
    /// certificates takes longer than most calls.
    pub fn http() -> ClientBuilder {
        reqwest::Client::builder().no_proxy().tls_certs_only([])
    }

    /// A POST request with this client's token, to which a test adds headers and a body.
    pub fn post(&self) -> RequestBuilder {
        let request = self.http.post(&self.url).header("content-type", "application/json");
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a body unchanged and returns the response.
    pub async fn send(&self, body: impl Into<reqwest::Body>) -> Response {
        self.post().body(body).send().await.unwrap()
    }

    /// Sends a JSON-RPC message and returns its response.
    pub async fn message(&self, message: Value) -> Value {
        let response = self.send(message.to_string()).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        serde_json::from_str(&response.text().await.unwrap()).unwrap()
    }

    /// Calls a procedure. `Value::Null` as `params` omits the member.
    pub async fn try_call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let mut request = json!({"jsonrpc": "2.0", "id": 1, "method": method});
        if !params.is_null() {
            request["params"] = params;
        }
        let mut response = self.message(request).await;
        assert_eq!((&response["jsonrpc"], &response["id"]), (&json!("2.0"), &json!(1)));
        match response.get("error") {
            Some(error) => {
                let failure = Failure(error.clone());
                assert!(is_declared(method, failure.code()), "{method} does not declare {failure:?}");
                Err(failure)
            }
            None => Ok(response["result"].take()),
        }
    }

    /// Calls a procedure that must succeed.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).await.unwrap_or_else(|failure| panic!("{method}: {failure:?}"))
    }

    /// Calls a procedure that must fail with this code.
    pub async fn fail(&self, code: &str, method: &str, params: Value) -> Failure {
        match self.try_call(method, params).await {
            Ok(result) => panic!("{method} answered {result} instead of {code}"),
            Err(failure) => {
                assert_eq!(failure.code(), code, "{method}: {failure:?}");
                failure
            }
        }
    }
}

/// Whether a procedure's registration declares this error.
fn is_declared(method: &str, code: &str) -> bool {
    catalogue().get(method).is_none_or(|procedure| {
        let declared = procedure.errors.iter().any(|declared| declared.as_str() == code);
        declared || EVERYWHERE.contains(&code)
    })
}

/// Errors that every procedure may return without declaring them.
const EVERYWHERE: [&str; 9] = [
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "METHOD_NOT_SUPPORTED",
    "TOO_MANY_REQUESTS",
    "TIMEOUT",
    "PAYLOAD_TOO_LARGE",
    "INTERNAL_SERVER_ERROR",
    "SERVICE_UNAVAILABLE",
];
