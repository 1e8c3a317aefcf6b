//! The server under test: the built binary with SQLite in a temporary folder and without rate limits.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{connection::Connection, report::Report, token::Secrets};

/// Megabytes of memory that the server may ever have used. An idle server uses about 30.
const MEMORY: u64 = 600;

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub secrets: Secrets,
    child: Running,
    log: Arc<Mutex<Log>>,
    reader: JoinHandle<()>,
    _folder: TempDir,
}

/// A process that is killed when it is dropped.
struct Running(Child);

/// The lines of the log that matter.
#[derive(Default)]
struct Log {
    panics: Vec<String>,
    errors: BTreeMap<String, u64>,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (jwt, webhook) = ("0123456789abcdef0123456789abcdef".to_owned(), "whsec_of_the_fuzzer".to_owned());
        let mut command = Command::new(executable());
        command.arg("serve").current_dir(folder.path()).env_clear().envs([
            ("BIND_ADDR", "127.0.0.1:0"),
            ("JWT_SECRET", &jwt),
            ("STRIPE_WEBHOOK_SECRET", &webhook),
            ("STRIPE_SECRET_KEY", "sk_test_of_the_fuzzer"),
            // Nothing listens there.
            ("STRIPE_API_BASE", "http://127.0.0.1:1"),
            ("STRIPE_PRO_MONTHLY_PRICE_ID", "price_pro"),
            ("STRIPE_BUSINESS_YEARLY_PRICE_ID", "price_business"),
            ("APP_URL", "https://app.example"),
            ("RATE_LIMIT_READ_MAX_REQUESTS", "0"),
            ("RATE_LIMIT_WRITE_MAX_REQUESTS", "0"),
            ("RATE_LIMIT_STRIPE_MAX_REQUESTS", "0"),
            ("LOG_FORMAT", "json"),
        ]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::<Mutex<Log>>::default();
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            BufReader::new(stderr).split(b'\n').map_while(Result::ok).for_each(|line| lines.lock().unwrap().add(&line));
        });
        let banner = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = banner.take_while(|line| !line.contains("curl")).find_map(|line| {
            line.split_whitespace().find_map(|word| word.strip_prefix("http://")?.strip_suffix('/')).map(str::to_owned)
        });
        let address = url.expect("the server did not start").parse().unwrap();
        let admin_token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap().trim().to_owned();
        let secrets = Secrets { jwt, webhook, admin_token };
        Self { address, secrets, child: Running(child), log, reader, _folder: folder }
    }

    /// The server's OpenRPC document.
    pub async fn openrpc(&self) -> Value {
        serde_json::from_slice(&self.get("/openrpc.json").await.unwrap()).unwrap()
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        let mut connection = Connection::new(self.address);
        connection.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes(), false).await?;
        match connection.response(false).await? {
            Some(response) if response.status == 200 => Ok(response.body),
            Some(response) => Err(response.head),
            None => Err("no answer".to_owned()),
        }
    }

    /// Checks that the server is well, and stops it.
    pub async fn finish(mut self, report: &mut Report) {
        let mut wrong = |finding: String| report.note("the server", finding, "at the end of the run".to_owned());
        if let Err(why) = self.get("/health/ready").await {
            wrong(format!("is not ready: {why}"));
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap_or_default();
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
        let megabytes = |name: &str| line(name).and_then(|kb| kb.parse::<u64>().ok()).map_or(0, |kb| kb / 1024);
        let (now, most) = (megabytes("VmRSS:"), megabytes("VmHWM:"));
        if most > MEMORY {
            wrong(format!("has used {most} MB of memory"));
        }
        let exited = self.child.0.try_wait().unwrap();
        if let Some(status) = exited {
            wrong(format!("has exited: {status}"));
        }
        drop(self.child);
        self.reader.join().unwrap();
        let log = self.log.lock().unwrap();
        for panic in &log.panics {
            wrong(panic.clone());
        }
        report.server = format!("server: {now} MB of memory, at most {most} MB");
        report.errors = log.errors.clone();
    }
}

/// The server that was built with this example, unless CLUSTERDESK names another.
fn executable() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let built = executable.parent().and_then(Path::parent).unwrap().join("clusterdesk");
    let path = std::env::var_os("CLUSTERDESK").map_or(built, PathBuf::from);
    path.canonicalize().expect("build the server first, as tests/fuzz/run does")
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Log {
    fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if line.contains("panicked") && self.panics.len() < 20 {
            self.panics.push(line.clone().into_owned());
        }
        if line.contains(r#""level":"ERROR""#)
            && let Ok(entry) = serde_json::from_str::<Value>(&line)
        {
            let text = |name: &str| {
                let value = entry.pointer(&format!("/fields/{name}")).or_else(|| entry.get(name));
                let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                text.unwrap_or_default().chars().take(160).collect::<String>()
            };
            *self.errors.entry(format!("{} {}{}", text("message"), text("detail"), text("error"))).or_default() += 1;
        }
    }
}
