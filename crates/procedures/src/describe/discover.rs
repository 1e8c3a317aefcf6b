//! `rpc.discover`, OpenRPC's service discovery method.

use serde_json::{Map, Value};

use super::openrpc::OpenRpc;
use crate::{
    access::{Access, Kind},
    input::NoInput,
    procedure::Example,
    router::{Router, Signature},
};

impl<H> Router<H> {
    /// Registers `discover` in the namespace `rpc`: a public query that answers
    /// [`Documents::discovered`](crate::describe::Documents::discovered).
    #[must_use]
    pub fn discover(self, docs: &'static str, handler: H) -> Self {
        let signature = Signature { name: "discover", kind: Kind::Query, access: Access::Public, docs };
        self.register::<NoInput, OpenRpc<'_>>(signature, handler)
            .add_example(Example { input: Value::Object(Map::new()), output: None })
    }
}
