//! The paths of the tRPC wire, and their requests.

use std::sync::Arc;

use futures_util::StreamExt;
use http::{Method, Request};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::Incoming;
use procedures::{
    Result,
    trpc::{self, Transformer, Verb},
};

use super::{
    body::{self, unsupported_media_type},
    client::{Bearer, bearer, param_bearer},
    refusal::{self, Wire},
    response::{self, Response, no_content},
    site::{ClientConnection, Site},
};
use crate::{auth::Credential, kernel::Context, models::audit::Door};

/// The paths of the wire, with their encoding of values. The second and the third are those of the old server and of the one from
/// which it was forked.
const MOUNTS: [(&str, Transformer); 4] = [
    ("/trpc", Transformer::Superjson),
    ("/api/trpc/edge", Transformer::Superjson),
    ("/api/trpc/lambda", Transformer::Superjson),
    ("/trpc-plain", Transformer::Plain),
];

/// A request path below one of the mounts of the tRPC wire.
#[derive(Clone, Copy)]
pub struct Mount<'p> {
    /// The encoding of values.
    pub transformer: Transformer,
    /// The rest of the path: the names of the procedures to call.
    pub path: &'p str,
}

/// The mount of a request path; None for any other path.
pub fn mount(path: &str) -> Option<Mount<'_>> {
    MOUNTS.into_iter().find_map(|(prefix, transformer)| {
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| Mount { transformer, path: rest.trim_matches('/') })
    })
}

impl Site {
    /// Answers one request to a mount.
    ///
    /// # Errors
    /// BAD_REQUEST for a request that cannot be split into calls; UNSUPPORTED_MEDIA_TYPE, and those of [`body::read`].
    pub(super) async fn trpc(
        &self,
        request: Request<Incoming>,
        connection: &ClientConnection,
        request_id: &str,
        Mount { transformer, path }: Mount<'_>,
    ) -> Result<Response> {
        if request.method() == Method::HEAD {
            return Ok(no_content());
        }
        let Some(verb) = Verb::of(request.method()) else {
            let why = "Call queries by GET and mutations by POST.";
            return Ok(refusal::wrong_method(Wire::Trpc(transformer), "GET, POST", why, request_id));
        };
        let (head, incoming) = request.into_parts();
        let mut request = trpc::Request::read(verb, transformer, path, &head);
        if verb == Verb::Post && !body::is_json(&head.headers) {
            return Err(unsupported_media_type());
        }
        let params = self.trpc.introduction(&request);
        let token = match bearer(&head.headers) {
            Bearer::Absent => param_bearer(&params),
            token => token,
        };
        let caller = self.client(connection, (&head.method, &head.headers), token, Door::Trpc).await?;
        let share = self.budget.share(self.kernel.knows(&caller));
        if verb == Verb::Post {
            let body = body::read(incoming, &head.headers, &self.limits, connection, &share).await?;
            request = request.and_then(|request| request.with_body(body));
        }
        let asked = request.as_ref().map_or(transformer, |request| request.answer);
        let context = Arc::new(Context { request_id: request_id.to_owned(), caller, share });
        let credential = context.caller.credential.clone();
        let answer = self.trpc.answer(context, request).await;
        let response = answer.unwrap_or_else(|error| refusal::refuse(Wire::Trpc(asked), &error, request_id));
        Ok(if response::is_event_stream(&response) { until_expiry(response, credential) } else { response })
    }
}

/// A stream of events that ends when the credential expires, without an error: an `EventSource` connects again, resumes, and
/// sends the cookie that has been renewed meanwhile. An error would end the subscription for good. One with its token in the
/// URL gets that error when it connects again.
fn until_expiry(response: Response, credential: Credential) -> Response {
    response.map(|body| {
        let expiry = async move { credential.expiry().await };
        StreamBody::new(BodyStream::new(body).take_until(Box::pin(expiry))).boxed_unsync()
    })
}
