//! The tRPC wire over HTTP: a request in, a response out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::{
    batch::{self, Calls},
    connection_params::ConnectionParams,
    old_stream,
    request::Request,
    sse::{Events, Streaming},
};
use crate::{
    access::Kind,
    body::{Body, whole},
    context::{Allowance, Context},
    error::{Error, Result},
    idempotency::IDEMPOTENCY_REPLAYED,
    limits::Limits,
    registry::Catalogue,
    service::Service,
};

/// The request headers that tRPC's own server says its answers depend on.
pub const VARY: &str = "trpc-accept, accept";

/// Serves a catalogue of procedures by the tRPC wire.
pub struct Trpc<S> {
    service: Arc<S>,
    catalogue: Arc<Catalogue>,
    limits: Limits,
}

impl<S: Service> Trpc<S> {
    /// Serves what `service` runs.
    pub fn new(service: Arc<S>, catalogue: Arc<Catalogue>, limits: Limits) -> Self {
        Self { service, catalogue, limits }
    }

    /// The `connectionParams` of a request for a subscription: an `EventSource` can't set headers. Any other request has
    /// none, because a URL is often logged. Those that can't be read are refused by [`Self::answer`].
    pub fn introduction(&self, request: &Result<Request>) -> ConnectionParams {
        let params = request.as_ref().ok().and_then(|request| self.connection_params(request).ok());
        params.unwrap_or_default()
    }

    fn connection_params(&self, request: &Request) -> Result<ConnectionParams> {
        let params = request.connection_params.as_deref().filter(|_| self.subscribes(request));
        params.map_or_else(|| Ok(ConnectionParams::default()), ConnectionParams::read)
    }

    /// Answers a request. The response carries the caller's [`Allowance`] in its extensions.
    ///
    /// # Errors
    /// When it can't be read or split into calls. Such requests count against the caller's limit, so TOO_MANY_REQUESTS
    /// after too many of them.
    pub async fn answer(
        &self,
        context: Arc<Context<S::Caller>>,
        request: Result<Request>,
    ) -> Result<http::Response<Body>> {
        let answer = match request {
            Ok(request) => self.run(Arc::clone(&context), request).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(response) => Ok(response),
            Err(error) => Err(self.service.count_refused(&context).await.error_or(error)),
        }
    }

    /// Refuses the stream link of tRPC's client 10, call by call.
    async fn refuse_old_stream(&self, context: &Context<S::Caller>, request: &Request) -> http::Response<Body> {
        let counted = self.service.count_refused(context).await;
        let allowance = counted.allowance;
        let error = counted.error_or(old_stream::error());
        let body = old_stream::body(request, self.limits.batch_entries, &error, &context.request_id);
        let (status, body) = (error.code.http_status(), context.share.clone().keep(body));
        response(batch::Response { status, allow: None, body, allowance, replayed: false })
    }

    async fn run(&self, context: Arc<Context<S::Caller>>, request: Request) -> Result<http::Response<Body>> {
        self.connection_params(&request)?;
        if request.old_stream {
            return Ok(self.refuse_old_stream(&context, &request).await);
        }
        if self.subscribes(&request) {
            let calls = Calls::new(&self.service, &self.catalogue, context.lasting(), &request, &self.limits)?;
            let (last_event_id, ping) = (request.last_event_id, self.limits.ping_interval);
            return Ok(events(calls.subscribe(Streaming { last_event_id, ping }).await));
        }
        let share = context.share.clone();
        let calls = Calls::new(&self.service, &self.catalogue, context, &request, &self.limits)?;
        match request.streams {
            true if request.batch => {
                let lines = calls.lines().map(move |line| share.clone().keep(line));
                Ok(stream("application/json", lines))
            }
            true => Err(Error::bad_call("Streaming requests must be batched (you can do a batch of 1)")),
            false => Ok(response(calls.answer().await)),
        }
    }

    fn subscribes(&self, request: &Request) -> bool {
        let streams = !request.batch && request.verb.may_call(Kind::Subscription);
        streams && self.catalogue.kind(&request.path) == Some(Kind::Subscription)
    }
}

fn response(answer: batch::Response) -> http::Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = counted(whole(status, "application/json", answer.body), answer.allowance);
    vary(response.headers_mut());
    if answer.replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(allow) = answer.allow {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}

fn stream(content_type: &'static str, texts: impl Stream<Item = Bytes> + Send + 'static) -> http::Response<Body> {
    let frames = texts.map(|text| Ok(Frame::data(text)));
    let mut response = http::Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Without it nginx holds texts back until its buffer is full, and other proxies until they have compressed enough.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    vary(headers);
    response
}

fn events(events: Events) -> http::Response<Body> {
    let mut response = counted(stream("text/event-stream", events.texts.map(Bytes::from)), events.allowance);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    response
}

fn vary(headers: &mut HeaderMap) {
    headers.insert(header::VARY, HeaderValue::from_static(VARY));
}

fn counted(mut response: http::Response<Body>, allowance: Option<Allowance>) -> http::Response<Body> {
    if let Some(allowance) = allowance {
        response.extensions_mut().insert(allowance);
    }
    response
}
