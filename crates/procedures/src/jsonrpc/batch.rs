//! Batches: entries run concurrently and are answered in order.

use futures_util::future::{Either, join_all, ready};
use jsonrpsee::{
    BatchResponseBuilder, MethodResponse,
    server::middleware::rpc::{Batch, BatchEntry, BatchEntryErr},
    types::{Id, Request},
};
use serde::Deserialize;

use super::{
    message::{error_object, failure},
    replays::Replays,
    session::Started,
};
use crate::{context::Allowance, error::Error, service::Answer};

/// A response that carries what is left of the caller's rate limit.
pub fn counted(mut response: MethodResponse, allowance: Option<Allowance>) -> MethodResponse {
    if let Some(allowance) = allowance {
        response.extensions_mut().insert(allowance);
    }
    response
}

/// What a batch needs besides its calls.
#[derive(Clone, Copy)]
pub struct Joining<'a> {
    /// The most bytes of the whole response.
    pub response_bytes: usize,
    /// The id of the HTTP request or of the WebSocket message.
    pub request_id: &'a str,
}

/// Runs the requests of a batch by `call`. `count` counts an entry that is not a call.
pub async fn run<'a, F, C>(
    batch: Batch<'a>,
    joining: Joining<'_>,
    call: impl Fn(Request<'a>) -> F,
    count: impl Fn() -> C,
) -> MethodResponse
where
    F: Future<Output = MethodResponse>,
    C: Future<Output = Answer<()>>,
{
    let entries: Vec<_> = batch.into_iter().collect();
    // What is no call is counted first: calls run concurrently.
    let counting = entries
        .iter()
        .map(|entry| async { if matches!(entry, Ok(BatchEntry::Call(_))) { None } else { Some(count().await) } });
    let counted = join_all(counting).await;
    let responses = entries.into_iter().zip(counted).map(|entry| match entry {
        (Ok(BatchEntry::Call(request)), _) => Either::Left(call(request)),
        (Err(invalid), Some(answer)) => Either::Right(ready(refuse(invalid, answer, joining))),
        // A notification is not answered, whatever the count says.
        _ => Either::Right(ready(MethodResponse::notification())),
    });
    join(join_all(responses).await, joining)
}

/// The answer to an entry that is not a message.
fn refuse(
    invalid: BatchEntryErr<'_>,
    Answer { result, allowance, .. }: Answer<()>,
    joining: Joining<'_>,
) -> MethodResponse {
    let (error, id) = invalid.into_parts();
    let error = result.err().map_or(error, |error| error_object(&error, None, joining.request_id));
    counted(MethodResponse::error(id, error), allowance)
}

/// Joins the responses of a batch in order. Responses that would exceed the limit are replaced by an error each.
fn join(responses: Vec<MethodResponse>, joining: Joining<'_>) -> MethodResponse {
    let allowance = Allowance::scarcest(responses.iter().filter_map(|one| one.extensions().get().copied()));
    let started = responses.iter().filter_map(|one| one.extensions().get::<Started>());
    let streams: Vec<_> = started.flat_map(Started::take).collect();
    let responses: Vec<_> = responses.into_iter().filter(|response| !response.is_notification()).collect();
    let replays = Replays::of_batch(&responses);
    let mut joined = BatchResponseBuilder::new_with_limit(usize::MAX);
    let mut length: usize = 0;
    for response in responses {
        let next = length.saturating_add(response.as_json().get().len()).saturating_add(1);
        let response = if next < joining.response_bytes { response } else { too_large(&response, joining) };
        length = length.saturating_add(response.as_json().get().len()).saturating_add(1);
        // This can't fail: the builder has no limit.
        drop(joined.append(response));
    }
    if joined.is_empty() {
        return MethodResponse::notification();
    }
    let mut response = counted(MethodResponse::from_batch(joined.finish()), allowance);
    if let Some(replays) = replays {
        response.extensions_mut().insert(replays);
    }
    if !streams.is_empty() {
        response.extensions_mut().insert(Started::from(streams));
    }
    response
}

/// A response, of which only the id is read.
#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    id: Id<'a>,
}

fn too_large(response: &MethodResponse, joining: Joining<'_>) -> MethodResponse {
    let id = serde_json::from_str::<Identified<'_>>(response.as_json().get()).map_or(Id::Null, |written| written.id);
    failure(id, &Error::response_too_large(joining.response_bytes), None, joining.request_id)
}
