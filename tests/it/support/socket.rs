//! A client over a WebSocket.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::CloseFrame},
};

use super::PATIENCE;

/// An open WebSocket.
pub struct Socket {
    pub stream: WebSocketStream<TcpStream>,
    /// The headers of the server's handshake.
    pub handshake: http::HeaderMap,
}

impl Socket {
    /// Opens a socket with extra request headers.
    pub async fn try_open(url: &str, headers: &[(&str, &str)]) -> Result<Self, tungstenite::Error> {
        Self::try_open_at(url, "", headers).await
    }

    /// Opens a socket at a path, with extra request headers.
    pub async fn try_open_at(url: &str, path: &str, headers: &[(&str, &str)]) -> Result<Self, tungstenite::Error> {
        let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        let mut request = format!("ws://{address}/{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let (stream, response) = client_async(request, stream).await?;
        Ok(Self { stream, handshake: response.headers().clone() })
    }

    /// Opens a socket with the client's token in the `Authorization` header.
    pub async fn open(client: &super::Client) -> Self {
        Self::open_at(client, "").await
    }

    /// Opens a socket at a path, with the client's token in the `Authorization` header.
    pub async fn open_at(client: &super::Client, path: &str) -> Self {
        let bearer = client.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        Self::try_open_at(&client.url, path, &headers).await.unwrap()
    }

    pub async fn send(&mut self, text: impl Into<String>) {
        self.stream.send(Message::text(text.into())).await.unwrap();
    }

    /// The text of the next message. None when the socket is closed.
    pub async fn text(&mut self) -> Option<String> {
        match self.next().await {
            Some(Ok(Message::Text(text))) => Some(text.to_string()),
            _ => None,
        }
    }

    /// The next message. An error when the socket was closed, with the close frame if there was one.
    pub async fn receive(&mut self) -> Result<Value, Option<CloseFrame>> {
        match self.next().await {
            Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(frame))) => {
                // As a browser does: reply to the close frame and close the connection.
                drop(self.stream.flush().await);
                drop(self.stream.get_mut().shutdown().await);
                Err(frame)
            }
            _ => Err(None),
        }
    }

    /// The next text message or close frame. Pings do not extend the time to wait.
    async fn next(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(message)) if !message.is_text() && !message.is_close() => {}
                    other => return other,
                }
            }
        };
        timeout(PATIENCE, next).await.expect("no message came")
    }

    /// Sends one request and returns the next message.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.send(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()).await;
        self.receive().await.unwrap()
    }
}
