//! One call or batch of calls by HTTP, on either wire, and the answer to it.

use clusterdesk_fuzz::{
    answer::{code_of, code_of_outcome, json, unwrapped},
    entry::codes_of_reply,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use crate::{
    calls::{Calls, Method},
    connection::{Connection, Response},
    mutation::{mutate, scramble},
    report::Outcome,
    token::Secrets,
    value::nasty,
};

/// Entries in a batch; more are refused.
const BATCH: usize = 50;

/// A request, and what is known of its answer.
pub struct Exchange {
    pub kind: &'static str,
    pub bytes: Vec<u8>,
    wire: Wire,
}

enum Wire {
    JsonRpc { message: Vec<u8> },
    Trpc { superjson: bool },
    Webhook { signed: bool },
}

impl Exchange {
    /// A JSON-RPC message.
    pub fn jsonrpc(rng: &mut impl Rng, number: u64, calls: &Calls, secrets: &Secrets) -> Self {
        let message = match rng.random_range(0..10) {
            0..2 => {
                let entries = if rng.random_bool(0.05) { rng.random_range(45..55) } else { rng.random_range(0..6) };
                (0..entries).map(|_| entry(rng, calls, json!(number))).collect()
            }
            _ => entry(rng, calls, json!(number)),
        };
        let message = scramble(rng, message.to_string());
        let bytes = request(rng, "POST", "/", secrets, &message);
        Self { kind: "JSON-RPC by HTTP", bytes, wire: Wire::JsonRpc { message } }
    }

    /// A call or batch of the tRPC wire.
    pub fn trpc(rng: &mut impl Rng, calls: &Calls, secrets: &Secrets) -> Self {
        let (mount, superjson) = *[("trpc", true), ("trpc-plain", false), ("api/trpc/edge", true)].choose(rng).unwrap();
        let batch = rng.random_bool(0.3).then(|| rng.random_range(1..5));
        let kind = if rng.random_bool(0.5) { "query" } else { "mutation" };
        let methods: Vec<&Method> = (0..batch.unwrap_or(1)).map(|_| calls.of_kind(rng, kind)).collect();
        let mut path = methods.iter().map(|method| method.name.as_str()).collect::<Vec<_>>().join(",");
        if rng.random_bool(0.05) {
            path.push_str(["%2C", "/", "%ff", "%", "..", ","].choose(rng).unwrap());
        }
        let inputs: Vec<Value> = methods.iter().map(|method| trpc_input(rng, method, superjson)).collect();
        let input = match batch {
            Some(_) => {
                inputs.into_iter().enumerate().map(|(at, input)| (at.to_string(), input)).collect::<Map<_, _>>().into()
            }
            None => inputs.into_iter().next().unwrap(),
        };
        let input = scramble(rng, input.to_string());
        let by_get = (kind == "query") != rng.random_bool(0.1);
        let mut query = if batch.is_some() { "batch=1&".to_owned() } else { String::new() };
        if by_get {
            query += &format!("input={}", percent_encoding::percent_encode(&input, NON_ALPHANUMERIC));
        }
        if rng.random_bool(0.05) {
            query += ["&batch=1", "&lastEventId=5", "&input=%7B", "&connectionParams=%5B%5D"].choose(rng).unwrap();
        }
        let target = format!("/{mount}/{path}?{query}");
        let (verb, body) = if by_get { ("GET", &b""[..]) } else { ("POST", input.as_slice()) };
        let bytes = request(rng, verb, &target, secrets, body);
        Self {
            kind: if superjson { "tRPC by HTTP, superjson" } else { "tRPC by HTTP" },
            bytes,
            wire: Wire::Trpc { superjson },
        }
    }

    /// A subscription by server-sent events.
    pub fn events(rng: &mut impl Rng, calls: &Calls, secrets: &Secrets) -> Self {
        let (mount, superjson) = if rng.random_bool(0.5) { ("trpc", true) } else { ("trpc-plain", false) };
        let method = calls.of_kind(rng, "subscription");
        let input = trpc_input(rng, method, superjson).to_string();
        let input = scramble(rng, input);
        let input = percent_encoding::percent_encode(&input, NON_ALPHANUMERIC);
        let mut target = format!("/{mount}/{}?input={input}", method.name);
        if rng.random_bool(0.4) {
            let last = match rng.random_range(0..4) {
                0 => nasty(rng).to_string(),
                1 => "0".to_owned(),
                _ => rng.random_range(0..5000).to_string(),
            };
            target += &format!("&lastEventId={}", utf8_percent_encode(&last, NON_ALPHANUMERIC));
        }
        if rng.random_bool(0.2) {
            let params = json!({"Authorization": secrets.authorization(rng)});
            target += &format!("&connectionParams={}", utf8_percent_encode(&params.to_string(), NON_ALPHANUMERIC));
        }
        let bytes = request(rng, "GET", &target, secrets, b"");
        Self { kind: "tRPC by server-sent events", bytes, wire: Wire::Trpc { superjson } }
    }

    /// An event of Stripe. The server may fail to process it only if it is `signed`.
    pub fn webhook(bytes: Vec<u8>, signed: bool) -> Self {
        Self { kind: "Stripe's webhook", bytes, wire: Wire::Webhook { signed } }
    }

    /// Sends it and checks the answer.
    pub async fn run(&self, connection: &mut Connection, outcome: &mut Outcome) -> Result<(), String> {
        let mut response = None;
        // A connection that was kept may have been closed by the server meanwhile.
        for _ in 0..2 {
            let kept = connection.is_open();
            connection.send(&self.bytes, false).await?;
            response = connection.response(false).await?;
            if response.is_some() || !kept {
                break;
            }
        }
        let response = response.ok_or("the connection was closed without an answer")?;
        self.check(&response, outcome)
    }

    fn check(&self, response: &Response, outcome: &mut Outcome) -> Result<(), String> {
        let text = str::from_utf8(&response.body).map_err(|_why| "the body is not text")?;
        let internal = |code: &Option<&str>| *code == Some("INTERNAL_SERVER_ERROR");
        match &self.wire {
            Wire::JsonRpc { .. } | Wire::Webhook { .. } if !matches!(response.status, 200 | 204) => {
                let code = refusal(response, &json(text)?["error"])?;
                if internal(&Some(code)) && !matches!(self.wire, Wire::Webhook { signed: true }) {
                    return Err(format!("the server failed: {text}"));
                }
                outcome.add(Ok(Some(code)));
            }
            Wire::Webhook { .. } if text == r#"{"received":true}"# => outcome.add(Ok(None)),
            Wire::Webhook { .. } => return Err(format!("unexpected answer: {text}")),
            Wire::JsonRpc { message } => {
                let reply = if response.status == 204 { None } else { Some(json(text)?) };
                codes_of_reply(message, reply.as_ref(), BATCH)?.into_iter().for_each(|code| outcome.call(code, text));
            }
            Wire::Trpc { superjson } if response.is("text/event-stream") => {
                if !text.starts_with("event: connected\n") {
                    return Err(format!("not a stream of events: {text}"));
                }
                let error = text.split_once("event: serialized-error\ndata: ").map(|(_, data)| data.trim_end());
                let error = error.map(json).transpose()?;
                let code = error.map(|error| code_of(unwrapped(&error, *superjson))).transpose()?;
                outcome.call(code, text);
            }
            Wire::Trpc { superjson } => match json(text) {
                Ok(Value::Array(answers)) => {
                    for answer in &answers {
                        outcome.call(code_of_outcome(answer, *superjson)?, text);
                    }
                }
                // Not one JSON text: the lines of a batch.
                Err(_) if text.lines().all(|line| json(line).is_ok()) => outcome.add(Ok(None)),
                answer => {
                    let answer = answer?;
                    let code = code_of_outcome(&answer, *superjson);
                    // A batch of one that is answered in lines.
                    outcome.call(if answer.get("0").is_some() { None } else { code? }, text);
                }
            },
        }
        Ok(())
    }
}

/// The code of a request that was refused as a whole.
pub fn refusal(response: &Response, error: &Value) -> Result<&'static str, String> {
    let code = code_of(error)?;
    match error["data"]["httpStatus"] == response.status {
        true => Ok(code),
        false => Err(format!("status {}, but {error}", response.status)),
    }
}

/// One entry of a JSON-RPC message.
pub fn entry(rng: &mut impl Rng, calls: &Calls, id: Value) -> Value {
    let method = calls.any(rng);
    let mut input = method.input(rng);
    mutate(rng, &mut input);
    if rng.random_bool(0.1) {
        input = json!([input]);
    }
    let mut entry = json!({"jsonrpc": "2.0", "id": id, "method": method.name, "params": input});
    if rng.random_bool(0.1) {
        mutate(rng, &mut entry);
    }
    if rng.random_bool(0.03) {
        entry.as_object_mut().map(|entry| entry.remove("id"));
    }
    entry
}

/// The input of a call as a tRPC client writes it.
pub fn trpc_input(rng: &mut impl Rng, method: &Method, superjson: bool) -> Value {
    let mut input = method.input(rng);
    mutate(rng, &mut input);
    if !superjson || rng.random_bool(0.1) {
        return input;
    }
    let mut wrapped = json!({"json": input});
    if rng.random_bool(0.3) {
        let mut values = Map::new();
        for _ in 0..rng.random_range(1..4) {
            let path =
                ["id", "name", "plan", "cursor", "limit", "a.0.b", "", "x\\.y", "__proto__"].choose(rng).unwrap();
            let kinds = ["Date", "undefined", "bigint", "number", "set", "map", "regexp", "URL", "Error"];
            let mut kind = json!([kinds.choose(rng).unwrap()]);
            mutate(rng, &mut kind);
            values.insert((*path).to_owned(), kind);
        }
        wrapped["meta"] = json!({"values": values, "v": 1});
        if rng.random_bool(0.1) {
            mutate(rng, &mut wrapped["meta"]);
        }
    }
    wrapped
}

/// A well-formed request with headers that may be wrong.
pub fn request(rng: &mut impl Rng, verb: &str, target: &str, secrets: &Secrets, body: &[u8]) -> Vec<u8> {
    let mut head = format!("{verb} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    if verb != "GET" {
        let wrong = ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx", "multipart/form-data"];
        let media_type = if rng.random_bool(0.97) { "application/json" } else { wrong.choose(rng).unwrap() };
        head += &format!("content-type: {media_type}\r\ncontent-length: {}\r\n", body.len());
    }
    if let Some(authorization) = secrets.authorization(rng) {
        head += &format!("authorization: {authorization}\r\n");
    }
    let unusual = [
        "origin: https://elsewhere.example",
        "origin: null",
        "x-request-id: 0b6ff7c4-3f4a-4a53-8f0d-3f0c8a3f3c11",
        "x-request-id: not-a-uuid",
        "x-forwarded-for: 1.2.3.4, [::1]:5",
        "cookie: __session=a.b.c",
        "accept: application/jsonl",
        "trpc-accept: application/jsonl",
        "content-encoding: gzip",
        "idempotency-key: fuzz-1",
        "last-event-id: 7",
        "expect: 100-continue",
        "upgrade: h2c",
        "accept-encoding: br",
        "te: trailers",
        "if-none-match: \"x\"",
    ];
    if rng.random_bool(0.1) {
        head += &format!("{}\r\n", unusual.choose(rng).unwrap());
    }
    [format!("{head}\r\n").as_bytes(), body].concat()
}
