//! A subscription over any of the three transports.

use serde_json::{Value, json};

use super::{Client, EventStream, Failure, Socket, Watcher};

/// How a subscription reaches its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// JSON-RPC over a WebSocket.
    JsonRpc,
    /// tRPC over a WebSocket.
    Trpc,
    /// tRPC over server-sent events.
    EventStream,
}

impl Transport {
    pub const ALL: [Self; 3] = [Self::JsonRpc, Self::Trpc, Self::EventStream];
}

/// An open subscription.
pub enum Live {
    JsonRpc(Watcher),
    Trpc(Socket),
    EventStream(EventStream),
}

impl Live {
    /// Subscribes. Without `lastEventId` the first event is `ready`, which is asserted.
    pub async fn open(transport: Transport, name: &'static str, client: &Client, input: Value) -> Self {
        let opened = Self::try_open(transport, name, client, input).await;
        opened.unwrap_or_else(|failure| panic!("{transport:?}: {failure:?}"))
    }

    /// Like [`Self::open`]. A stream of server-sent events that resumes is refused by its first event, after it was opened.
    pub async fn try_open(
        transport: Transport,
        name: &'static str,
        client: &Client,
        input: Value,
    ) -> Result<Self, Failure> {
        let resumes = input.get("lastEventId").is_some_and(Value::is_string);
        let mut live = match transport {
            Transport::JsonRpc => return Watcher::try_open_named(name, client, input).await.map(Self::JsonRpc),
            Transport::Trpc => {
                let mut socket = Socket::open_at(client, "trpc-plain").await;
                let params = json!({"path": name, "input": input});
                socket.send(json!({"id": 1, "method": "subscription", "params": params}).to_string()).await;
                let started = socket.receive().await.unwrap();
                if let Some(error) = started.get("error") {
                    return Err(Failure(error.clone()));
                }
                assert_eq!(started, json!({"id": 1, "result": {"type": "started"}}));
                Self::Trpc(socket)
            }
            Transport::EventStream => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.append_pair("input", &input.to_string());
                let request = client.http.get(format!("{}trpc-plain/{name}?{}", client.url, query.finish()));
                let request = match &client.token {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                };
                Self::EventStream(EventStream::open(request).await)
            }
        };
        if !resumes {
            let ready = live.told().await?;
            assert_eq!(ready["type"], "ready", "{ready}");
        }
        Ok(live)
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        self.told().await.unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    /// The next `count` events.
    pub async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await);
        }
        events
    }

    /// The error that ends the subscription, which must be the next thing that the client is told.
    pub async fn end(&mut self) -> Failure {
        self.told().await.expect_err("an error ends the subscription")
    }

    /// The next event, or the error that ends the subscription.
    async fn told(&mut self) -> Result<Value, Failure> {
        match self {
            Self::JsonRpc(watcher) => watcher.receive().await,
            Self::Trpc(socket) => {
                let mut message = socket.receive().await.expect("the socket was closed");
                assert_eq!(message["id"], 1, "{message}");
                if let Some(error) = message.get_mut("error") {
                    return Err(Failure(error.take()));
                }
                assert_eq!(message["result"]["type"], "data", "{message}");
                let result = message["result"].take();
                let data = &result["data"];
                assert_eq!((&data["id"], &data["data"]["id"]), (&result["id"], &result["id"]), "{result}");
                Ok(data["data"].clone())
            }
            Self::EventStream(events) => {
                let event = events.answer().await;
                if event.name == "serialized-error" {
                    return Err(Failure(event.json()));
                }
                assert_eq!((event.name.as_str(), event.id.as_deref()), ("", event.json()["id"].as_str()));
                Ok(event.json())
            }
        }
    }
}
