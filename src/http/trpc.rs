//! Where the tRPC wire is mounted, and by whom it is called.

use std::sync::Arc;

use http::{Method, Request};
use hyper::body::Incoming;
use procedures::{
    Result,
    trpc::{self, Transformer, Verb},
};

use super::{
    body::{self, unsupported_media_type},
    client::{Bearer, address, bearer, param_bearer},
    refusal::{self, Wire},
    response::{Response, no_content},
    site::{Connection, Site},
};
use crate::kernel::{Client, Context};

/// Where the wire is mounted, and how values are written there. The second address is that of the old server.
const MOUNTS: [(&str, Transformer); 3] = [
    ("/trpc", Transformer::Superjson),
    ("/api/trpc/edge", Transformer::Superjson),
    ("/trpc-plain", Transformer::Plain),
];

/// A mount of the tRPC wire.
#[derive(Clone, Copy)]
pub struct Mount<'p> {
    /// How values are written.
    pub transformer: Transformer,
    /// What follows the mount: the procedures that are called.
    pub path: &'p str,
}

/// The mount that an address belongs to.
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
    /// When it can't be split into calls.
    pub(super) async fn trpc(
        &self,
        request: Request<Incoming>,
        connection: &Connection,
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
        let mut request = trpc::Request::read(verb, transformer, path, &head)?;
        if verb == Verb::Post {
            if !body::is_json(&head.headers) {
                return Err(unsupported_media_type());
            }
            request = request.with_body(body::read(incoming, &head.headers, &self.limits).await?)?;
        }
        let params = self.trpc.connection_params(&request)?;
        let presented = match bearer(&head.headers) {
            Bearer::Absent => param_bearer(&params),
            presented => presented,
        };
        let caller = Client {
            address: address(connection.peer, &head.headers, &self.trusted_proxies),
            credential: presented.authenticate(&self.authenticator).await,
        };
        self.trpc.answer(Arc::new(Context { request_id: request_id.to_owned(), caller }), request).await
    }
}
