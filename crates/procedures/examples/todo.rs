//! A whole server without a database: things to do, over JSON-RPC 2.0 and tRPC.
//!
//! ```sh
//! cargo run -p procedures --example todo
//! curl -H 'content-type: application/json' 127.0.0.1:3000 \
//!     -d '{"jsonrpc": "2.0", "id": 1, "method": "todo.add", "params": {"title": "Water the plants"}}'
//! ```
//!
//! A tRPC client finds it at `http://127.0.0.1:3000/trpc`, its types at `/app-router.d.ts`.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream::unfold};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use procedures::{
    Access, Code, Endpoint, Error, Events, FunctionCall, Functions, Limits, NoInput, Registry, Router, State,
    describe::About, trpc::Transformer,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpListener,
    sync::broadcast::{self, error::RecvError},
};

/// The state of the application.
struct Todos {
    all: Mutex<Vec<Todo>>,
    changes: broadcast::Sender<Todo>,
}

impl State for Todos {
    type Caller = ();
    type Error = Error;
}

#[derive(Clone, Serialize, JsonSchema)]
struct Todo {
    id: usize,
    title: String,
    done: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    #[schemars(length(min = 1, max = 100))]
    title: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Finish {
    id: usize,
}

impl Todos {
    /// Changes the list, then tells the subscribers which todo has changed.
    fn change(&self, change: impl FnOnce(&mut Vec<Todo>) -> Result<Todo, Error>) -> Result<Todo, Error> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut all)?;
        // Without a subscriber this fails, which is fine.
        drop(self.changes.send(changed.clone()));
        Ok(changed)
    }
}

fn list(call: &FunctionCall<Todos>, _: NoInput) -> Result<Vec<Todo>, Error> {
    Ok(call.state.all.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

fn add(call: &FunctionCall<Todos>, Add { title }: Add) -> Result<Todo, Error> {
    call.state.change(|all| {
        all.push(Todo { id: all.len() + 1, title, done: false });
        all.last().cloned().ok_or_else(Error::internal)
    })
}

fn finish(call: &FunctionCall<Todos>, Finish { id }: Finish) -> Result<Todo, Error> {
    call.state.change(|all| {
        let todo = all.iter_mut().find(|todo| todo.id == id);
        let todo = todo.ok_or_else(|| Error::new(Code::NotFound, format!("There is no todo {id}.")))?;
        todo.done = true;
        Ok(todo.clone())
    })
}

fn watch(call: &FunctionCall<Todos>, _: NoInput) -> Result<Events<Todo>, Error> {
    let changes = unfold(call.state.changes.subscribe(), |mut changes| async {
        loop {
            match changes.recv().await {
                Ok(todo) => return Some(((None, todo), changes)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Ok(changes.boxed())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let router = Router::new("todo")
        .query("list", Access::Public, "Lists all todos, oldest first.", list)
        .mutation("add", Access::Public, "Adds a todo.", add)
        .mutation("finish", Access::Public, "Marks a todo as done.", finish)
        .errors([Code::NotFound])
        .subscription("watch", Access::Public, "Delivers each todo that is added or finished.", watch);
    let registry = Registry::new(vec![router])?;
    let catalogue = Arc::clone(registry.catalogue());
    let state = Todos { all: Mutex::default(), changes: broadcast::Sender::new(64) };
    let about = About {
        title: "Todo",
        version: "1.0.0",
        license: "MIT OR Apache-2.0",
        description: "Things to do.",
        transformer: Transformer::Plain,
        error_details: None,
        keeps_answers: false,
    };
    let endpoint = Endpoint::new(Functions::new(state, registry), &catalogue, &about, &Limits::default())?;

    let address = std::env::var("EXAMPLE_ADDR").unwrap_or_else(|_unset| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), endpoint.clone());
        tokio::spawn(connection.with_upgrades());
    }
}
