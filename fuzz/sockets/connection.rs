//! Raw HTTP/1.1 on a connection that is kept for the next request.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// Longer than the server may take for any answer: a call has 30 seconds.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// How long an event stream is read after its first event.
const EVENTS: Duration = Duration::from_millis(30);

/// A connection, opened when it is needed.
pub struct Connection {
    pub address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// A response. The body of an event stream is its beginning.
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub fn is(&self, media_type: &str) -> bool {
        self.header("content-type").is_some_and(|value| value.starts_with(media_type))
    }
}

/// Opens a connection. It is reset when it is dropped: closed ones would use up the ports of this machine.
pub async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.set_zero_linger()?;
    Ok(stream)
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Closes it. The next request opens another.
    pub fn close(&mut self) {
        self.stream = None;
    }

    /// Sends bytes, and with `last` closes the sending side.
    pub async fn send(&mut self, bytes: &[u8], last: bool) -> Result<(), String> {
        if self.stream.is_none() {
            let stream = open(self.address).await.map_err(|why| format!("can't connect: {why}"))?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().unwrap().get_mut();
        let send = async {
            // Fails when the server has answered and closed already.
            drop(stream.write_all(bytes).await);
            if last {
                drop(stream.shutdown().await);
            }
        };
        timeout(PATIENCE, send).await.map_err(|_elapsed| "the request was not read in time".to_owned())
    }

    /// The next response. None when the server has closed the connection.
    pub async fn response(&mut self, to_head: bool) -> Result<Option<Response>, String> {
        let stream = self.stream.as_mut().unwrap();
        let answer = async {
            loop {
                match read(stream, to_head).await {
                    Ok(Some(Response { status: 100, .. })) => {}
                    answer => return answer,
                }
            }
        };
        let response = timeout(PATIENCE, answer).await;
        let response = response.map_err(|_elapsed| format!("no answer within {PATIENCE:?}"))?;
        let closes = |response: &Response| {
            response.is("text/event-stream") || response.header("connection").is_some_and(|value| value == "close")
        };
        match response {
            Ok(Some(response)) => {
                if closes(&response) {
                    self.close();
                }
                Ok(Some(response))
            }
            Ok(None) => {
                self.close();
                Ok(None)
            }
            Err(why) if matches!(why.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                self.close();
                Ok(None)
            }
            Err(why) => Err(format!("not a response: {why}")),
        }
    }

    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }
}

async fn read(stream: &mut BufReader<TcpStream>, to_head: bool) -> io::Result<Option<Response>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let head = String::from_utf8(head).map_err(|_why| invalid("the head is not text"))?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| invalid("no status line"))?;
    let mut response = Response { status, head, body: Vec::new() };
    if to_head || matches!(status, 100..200 | 204 | 304) {
        return Ok(Some(response));
    }
    if let Some(length) = response.header("content-length") {
        let length: usize = length.parse().map_err(|_why| invalid("no length"))?;
        response.body.resize(length, 0);
        stream.read_exact(&mut response.body).await?;
    } else if response.header("transfer-encoding") == Some("chunked") {
        let is_stream = response.is("text/event-stream");
        loop {
            let next = chunk(stream);
            // The first event comes at once; others may not come at all.
            let next = match is_stream && !response.body.is_empty() {
                true => match timeout(EVENTS, next).await {
                    Ok(next) => next?,
                    Err(_elapsed) => return Ok(Some(response)),
                },
                false => next.await?,
            };
            match next {
                Some(chunk) => response.body.extend(chunk),
                None => return Ok(Some(response)),
            }
        }
    } else {
        stream.read_to_end(&mut response.body).await?;
    }
    Ok(Some(response))
}

async fn chunk(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut size = String::new();
    stream.read_line(&mut size).await?;
    let size = usize::from_str_radix(size.trim(), 16);
    let size = size.map_err(|_why| io::Error::new(io::ErrorKind::InvalidData, "no size of a chunk"))?;
    let mut bytes = vec![0; size + 2];
    stream.read_exact(&mut bytes).await?;
    bytes.truncate(size);
    Ok((size > 0).then_some(bytes))
}
