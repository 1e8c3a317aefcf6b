//! A private Redis server, when Redis is installed.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::sleep,
    time::Duration,
};

use super::{Frozen, postgres};

/// The password of the server, which no log may show.
pub const REDIS_PASSWORD: &str = "hunter2-of-redis";

/// A running Redis server, which keeps nothing on disk. Killed when dropped.
pub struct Redis {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// A server on a free port.
    pub fn start() -> Self {
        let mut redis = Self { folder: postgres::new_folder("clusterdesk-redis-"), port: free_port(), child: None };
        redis.launch();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://:{REDIS_PASSWORD}@127.0.0.1:{}/3", self.port)
    }

    /// Starts the server again after [`Self::kill`], without its data, and waits until it accepts connections.
    pub fn launch(&mut self) {
        let program: Option<&str> = option_env!("REDIS");
        let mut command = postgres::command(Path::new(program.expect("Redis is not installed")), &self.folder);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--requirepass", REDIS_PASSWORD]);
        command.args(["--save", "", "--appendonly", "no"]).stdin(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        for _ in 0..600 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("Redis did not accept a connection");
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// Stops the server until the guard is dropped.
    pub fn freeze(&self) -> Frozen {
        Frozen::new(vec![self.child.as_ref().unwrap().id()])
    }

    /// The keys, each with the milliseconds until it expires.
    pub fn keys(&self) -> Vec<(String, i64)> {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        let expiry = |key: &String| redis::cmd("PTTL").arg(key).query(&mut connection).unwrap();
        let expiries: Vec<i64> = keys.iter().map(expiry).collect();
        keys.into_iter().zip(expiries).collect()
    }
}

/// A port that nobody uses, below those that the system gives to other tests.
fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| rand::random_range(20_000..32_000));
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        drop(fs::remove_dir_all(&self.folder));
    }
}
