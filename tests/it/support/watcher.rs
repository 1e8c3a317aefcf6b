//! A subscription over a JSON-RPC WebSocket.

use serde_json::{Value, json};

use super::{Client, Failure, Socket};

/// An open subscription.
pub struct Watcher {
    pub socket: Socket,
    /// The name under which it was subscribed to.
    name: &'static str,
    /// The subscription's id.
    pub id: String,
    /// The event id at which it started. None when it resumed from a `lastEventId`.
    pub ready: Option<String>,
}

impl Watcher {
    /// Subscribes to `k8s.watch`.
    pub async fn open(client: &Client, input: Value) -> Self {
        Self::try_open(client, input).await.unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    pub async fn try_open(client: &Client, input: Value) -> Result<Self, Failure> {
        Self::try_open_named("k8s.watch", client, input).await
    }

    /// Subscribes to another procedure.
    pub async fn open_named(name: &'static str, client: &Client, input: Value) -> Self {
        Self::try_open_named(name, client, input).await.unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    pub async fn try_open_named(name: &'static str, client: &Client, input: Value) -> Result<Self, Failure> {
        let mut socket = Socket::open(client).await;
        let resumes = input.get("lastEventId").is_some_and(Value::is_string);
        let answer = socket.call(name, input).await;
        if let Some(error) = answer.get("error") {
            return Err(Failure(error.clone()));
        }
        let mut watcher = Self { socket, name, id: answer["result"].as_str().unwrap().to_owned(), ready: None };
        if !resumes {
            let event = watcher.next().await;
            assert_eq!(event["type"], "ready", "{event}");
            watcher.ready = Some(event["id"].as_str().unwrap().to_owned());
        }
        Ok(watcher)
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        self.receive().await.unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    /// The next `count` events, each as `type name`, or `lagged`.
    pub async fn told(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..count {
            let event = self.next().await;
            let words =
                [&event["type"], &event["cluster"]["name"]].map(|word| word.as_str().unwrap_or_default().to_owned());
            told.push(words.join(" ").trim_end().to_owned());
        }
        told
    }

    /// The error with which the server ends the subscription.
    pub async fn end(&mut self) -> Failure {
        self.receive().await.expect_err("an error ends the subscription")
    }

    /// The next event, or the error that ends the subscription.
    pub async fn receive(&mut self) -> Result<Value, Failure> {
        let mut message = self.socket.receive().await.expect("the socket was closed");
        assert_eq!((&message["method"], message.get("id")), (&json!(self.name), None), "{message}");
        assert_eq!(message["params"]["subscription"], self.id);
        let params = &mut message["params"];
        assert!(params.get("error").is_some() != params.get("result").is_some(), "{params}");
        match params.get_mut("error") {
            Some(error) => Err(Failure(error.take())),
            None => Ok(params["result"].take()),
        }
    }
}
