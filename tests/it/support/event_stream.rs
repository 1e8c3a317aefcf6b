//! Server-sent events.

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::PATIENCE;

/// One event, as an `EventSource` would see it.
#[derive(Debug, Default, PartialEq)]
pub struct StreamEvent {
    pub name: String,
    pub id: Option<String>,
    pub data: String,
}

impl StreamEvent {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

/// The stream of events of one response.
pub struct EventStream {
    response: Response,
    text: String,
}

impl EventStream {
    /// Sends the request of a subscription and reads the first event.
    pub async fn open(request: RequestBuilder) -> Self {
        Self::open_for(request, "no-cache, no-transform").await
    }

    /// The same for a request with a session cookie.
    pub async fn open_by_cookie(request: RequestBuilder) -> Self {
        Self::open_for(request, "private, no-cache, no-transform").await
    }

    async fn open_for(request: RequestBuilder, caching: &str) -> Self {
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "text/event-stream");
        assert_eq!(header("cache-control"), caching);
        assert_eq!(header("x-accel-buffering"), "no");
        let mut events = Self { response, text: String::new() };
        let connected = events.next().await.unwrap();
        assert_eq!(connected.name, "connected");
        assert!(connected.json()["reconnectAfterInactivityMs"].as_u64().unwrap() > 0);
        events
    }

    /// The next event. None at the end of the stream.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        timeout(PATIENCE, self.read()).await.expect("no event came")
    }

    async fn read(&mut self) -> Option<StreamEvent> {
        while !self.text.trim_start().contains("\n\n") {
            let chunk = self.response.chunk().await.unwrap()?;
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
        let text = self.text.trim_start().to_owned();
        let (block, rest) = text.split_once("\n\n").unwrap();
        self.text = rest.to_owned();
        let mut event = StreamEvent::default();
        for line in block.lines() {
            match line.split_once(": ").unwrap() {
                ("event", name) => event.name = name.to_owned(),
                ("id", id) => event.id = Some(id.to_owned()),
                ("data", data) => event.data = data.to_owned(),
                other => panic!("{other:?}"),
            }
        }
        Some(event)
    }

    /// The next event that is not a ping. Pings do not extend the time to wait.
    pub async fn answer(&mut self) -> StreamEvent {
        let answer = async {
            loop {
                let event = self.read().await.expect("the stream has ended");
                if event.name != "ping" {
                    return event;
                }
            }
        };
        timeout(PATIENCE, answer).await.expect("no event came")
    }

    /// The id and the data of the next event that is not a ping.
    pub async fn data(&mut self) -> (String, Value) {
        let event = self.answer().await;
        assert_eq!(event.name, "", "{event:?}");
        (event.id.clone().unwrap(), event.json())
    }
}
