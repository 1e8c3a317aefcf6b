//! Sends requests that are mostly, but not quite, right to a real server over real sockets: calls from the server's own
//! OpenRPC document, changed at every level, over every wire. Checks that every request is answered in time and in the
//! documented form, and that the server stays well. `tests/fuzz/run N SEED` runs it.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod calls;
mod connection;
mod conversation;
mod exchange;
mod mutation;
mod odd;
mod plan;
mod report;
mod server;
mod token;
mod value;
mod webhook;

use std::{
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use rand::{SeedableRng, rngs::StdRng};

use self::{calls::Calls, connection::Connection, plan::Plan, report::Report, server::Server};

/// Requests in flight.
const WORKERS: usize = 16;

/// What all workers share.
struct Shared {
    server: Server,
    calls: Calls,
    seed: u64,
    requests: u64,
    next: AtomicU64,
    report: Mutex<Report>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().expect("a number"));
    let requests = arguments.next().expect("usage: sockets N [SEED]");
    let seed = arguments.next().unwrap_or_else(rand::random);
    println!("{requests} requests, seed {seed}");
    let server = Server::start();
    let calls = Calls::of(&server.openrpc().await);
    let started = Instant::now();
    let shared = Shared { server, calls, seed, requests, next: AtomicU64::new(0), report: Mutex::default() };
    let shared = Arc::new(shared);
    let workers: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(work(Arc::clone(&shared)))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let shared = Arc::into_inner(shared).unwrap();
    let mut report = shared.report.into_inner().unwrap();
    report.seconds = started.elapsed().as_secs_f64();
    shared.server.finish(&mut report).await;
    println!("{report}");
    if report.is_clean() {
        return ExitCode::SUCCESS;
    }
    println!("Repeat it: tests/fuzz/run {requests} {seed}");
    ExitCode::FAILURE
}

/// Sends requests until all are sent. Each is determined by the seed and its number.
async fn work(shared: Arc<Shared>) {
    let mut connection = Connection::new(shared.server.address);
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.requests {
            return;
        }
        let mut rng = StdRng::seed_from_u64(shared.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
        let plan = Plan::new(&mut rng, number, &shared.calls, &shared.server.secrets);
        let outcome = plan.run(&mut connection).await;
        shared.report.lock().unwrap().add(number, &plan, outcome);
    }
}
