//! `rpc.*`: what the server says of itself.

use crate::rpc::Router;

pub fn router() -> Router {
    Router::new("rpc").discover("discover", "What there is to call: the OpenRPC document of this server.")
}
