//! Raw HTTP/1.1 bytes, for requests that a regular client does not send.

use http::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::PATIENCE;

/// A connection for raw bytes.
pub struct Raw {
    stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl RawResponse {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `error.data.code` of a refusal.
    pub fn code(&self) -> String {
        self.json()["error"]["data"]["code"].as_str().unwrap().to_owned()
    }
}

impl Raw {
    pub async fn open(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        Self { stream: BufReader::new(TcpStream::connect(address).await.unwrap()) }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Like [`Self::send`], for a connection that the server may have closed.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        drop(self.stream.get_mut().write_all(bytes.as_ref()).await);
    }

    /// Closes the sending side.
    pub async fn finish(&mut self) {
        self.stream.get_mut().shutdown().await.unwrap();
    }

    /// The next response. None when the server has closed the connection.
    pub async fn response(&mut self) -> Option<RawResponse> {
        timeout(PATIENCE, self.read(false)).await.expect("no response came")
    }

    /// Like [`Self::response`], for a response to HEAD, which has no body.
    pub async fn head_response(&mut self) -> Option<RawResponse> {
        timeout(PATIENCE, self.read(true)).await.expect("no response came")
    }

    async fn read(&mut self, head_only: bool) -> Option<RawResponse> {
        let status_line = self.line().await?;
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await.unwrap();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.append(http::HeaderName::try_from(name).unwrap(), value.trim().parse().unwrap());
        }
        let length = headers.get("content-length").filter(|_| !head_only);
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        Some(RawResponse { status, headers, body })
    }

    /// A line without its line ending. None at the end of the stream or when the connection was reset.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }
}
