//! `rpc.*`: service discovery.

use crate::kernel::Router;

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("rpc").discover("The OpenRPC document of this server.", |documents| &documents.discovered)
}
