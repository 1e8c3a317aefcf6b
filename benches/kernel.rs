//! Calls through the kernel in one process, without HTTP: read the message, authorize, check the input, run, encode.
//! `.ci/instructions` runs it under callgrind and counts the instructions between two calls of [`mark`].
//!
//! It prints the names of the calls, in the order of the marks.

use std::{
    hint::black_box,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::Parser;
use clusterdesk::{
    auth::{Claims, Credential},
    config::{Limits, Settings},
    db::{DatabaseUrl, Manager, Purpose, migrations, transaction},
    kernel::{Client, Context, Kernel},
    models::sample,
    routers,
    server::kernel,
};
use procedures::jsonrpc::{Gate, Incoming, JsonRpcService};
use tokio::sync::watch;

/// Calls of each kind. `.ci/instructions` divides by it.
const CALLS: usize = 200;

/// Calls whose instructions are not counted: they prepare statements and fill buffers.
const WARM_UP: usize = 50;

/// A name, a message, and whether it succeeds.
struct Kind {
    name: &'static str,
    message: String,
    succeeds: bool,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

/// callgrind writes its counters whenever this function is entered.
#[inline(never)]
fn mark(name: &str) {
    println!("{}", black_box(name));
}

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite:{}", folder.path().join("kernel.db").display());
    let data = folder.path().display().to_string();
    let flags = ["kernel", "--database-url", &database, "--data-dir", &data, "--database-threads", "1"];
    let limits =
        ["READ", "WRITE", "STRIPE"].map(|bucket| format!("--rate-limit-{}-max-requests=0", bucket.to_lowercase()));
    let flags = flags.into_iter().map(str::to_owned).chain(limits);
    let settings = Flags::try_parse_from(flags)?.settings;
    std::fs::File::create(folder.path().join("kernel.db"))?;
    let url = DatabaseUrl::from_settings(&settings.data)?;
    migrations::Migrations::open(&url)?.up(usize::MAX)?;
    let manager = Manager { url, purpose: Purpose::Write, statement_timeout: Duration::ZERO };
    transaction::write(&mut manager.open()?, |conn| sample::insert(conn, 2, &mut |_| {}))?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(&settings))
}

async fn run(settings: &Settings) -> Result<()> {
    let (_drain, draining) = watch::channel(false);
    let limits = Limits::default();
    let kernel = Arc::new(kernel(settings, &limits, routers::all(), draining)?);
    let catalogue = Arc::clone(kernel.catalogue());
    let gate = Gate::new(JsonRpcService::new(kernel, catalogue, &limits.wire)?, &limits.wire);
    for kind in kinds() {
        for _ in 0..WARM_UP {
            call(&gate, &kind).await?;
        }
        mark(kind.name);
        for _ in 0..CALLS {
            call(&gate, &kind).await?;
        }
        mark("");
    }
    Ok(())
}

fn kinds() -> [Kind; 5] {
    let message =
        |method: &str, params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let lists = vec![message("k8s.list", "{}"); 20].join(",");
    [
        Kind { name: "hello.hello", message: message("hello.hello", r#"{"text":"<world>"}"#), succeeds: true },
        Kind { name: "k8s.list", message: message("k8s.list", "{}"), succeeds: true },
        Kind { name: "20 k8s.list in a batch", message: format!("[{lists}]"), succeeds: true },
        Kind { name: "user.updateName", message: message("user.updateName", r#"{"name":"Ada"}"#), succeeds: true },
        Kind {
            name: "k8s.create, refused for three issues",
            message: message("k8s.create", r#"{"name":"Not Valid","location":"","colour":"blue"}"#),
            succeeds: false,
        },
    ]
}

async fn call(gate: &Gate<JsonRpcService<Kernel>>, kind: &Kind) -> Result<()> {
    let claims = Claims {
        subject: "user_sample_000001".to_owned(),
        name: Some("Sample User 1".to_owned()),
        email: Some("user1@sample.example".to_owned()),
        image: None,
        expires_at: i64::MAX / 2,
        offered: OnceLock::new(),
    };
    let credential = Credential::Jwt(Arc::new(claims));
    let client = Client { credential, ..Client::default() };
    let context = Arc::new(Context::new(client));
    let mut extensions = http::Extensions::new();
    extensions.insert(Arc::clone(&context));
    let message = Incoming { message: kind.message.as_bytes(), request_id: &context.request_id, extensions };
    let body = gate.answer(message).await.body.unwrap_or_default();
    ensure!(body.contains("\"error\":") != kind.succeeds, "{}: {body}", kind.name);
    Ok(())
}
