//! `bare`: what jsonrpsee alone costs. A server that answers `hello.hello` with a constant: no token, no database.
//! `bare-peer 127.0.0.1:PORT`

use std::error::Error;

use jsonrpsee::{RpcModule, server::ServerBuilder, types::ErrorObjectOwned};
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Clone, Serialize)]
struct Greeting {
    greeting: &'static str,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("the address is missing")?;
    let mut module = RpcModule::new(());
    module.register_method("hello.hello", |_, (), _| {
        Ok::<_, ErrorObjectOwned>(Greeting { greeting: "hello &lt;world&gt;" })
    })?;
    let server = ServerBuilder::default().build(address).await?;
    server.start(module).stopped().await;
    Ok(())
}
