//! Health checks beside an attack.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::sleep};

use super::Raw;

/// Between two checks, so that they leave the processors to the attack.
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks for `/health/live` again and again, each time on a new connection, as an orchestrator does.
pub struct Pulse {
    over: Arc<AtomicBool>,
    checks: JoinHandle<usize>,
}

impl Pulse {
    pub fn of(url: &str) -> Self {
        let over = Arc::<AtomicBool>::default();
        let checks = tokio::spawn(check(url.to_owned(), Arc::clone(&over)));
        Self { over, checks }
    }

    /// Ends the checks. All of them, and there were some, must have been answered with 200.
    pub async fn assert_steady(self) {
        self.over.store(true, Ordering::Relaxed);
        assert!(self.checks.await.expect("a health check was not answered") > 1);
    }
}

async fn check(url: String, over: Arc<AtomicBool>) -> usize {
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        let mut connection = Raw::open(&url).await;
        connection.send("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
        assert_eq!(connection.response().await.expect("a health check was refused").status, 200);
        answered += 1;
        sleep(INTERVAL).await;
    }
    answered
}
