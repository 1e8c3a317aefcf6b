//! `axum`: the server that a Rust team would write by hand for the same calls. Statements are prepared once and pipelined
//! over two connections, the caller's row is looked up on every call, and a mutation's audit row is part of its statement.
//! No schema checks and no events.
//! `axum-peer 127.0.0.1:PORT postgres-url jwt-secret`

mod calls;
mod database;
mod tokens;

use std::{error::Error, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, header},
    routing::post,
    serve::ListenerExt,
};
use bytes::Bytes;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What every request needs.
struct App {
    database: database::Database,
    tokens: tokens::Tokens,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("an argument is missing");
    let (address, url, secret) = (next()?, next()?, next()?);
    let app = App { database: database::Database::connect(&url).await?, tokens: tokens::Tokens::new(&secret) };
    let routes = Router::new().route("/", post(handle)).with_state(Arc::new(app));
    let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, routes).await?)
}

async fn handle(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let caller = token.and_then(|token| app.tokens.verify(token));
    let answer = calls::answer(&app.database, caller.as_deref(), &body).await;
    let mut response = Response::new(Body::from(answer));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
