//! The `clusterdesk` binary in a process of its own.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use rustix::process::Signal;

use super::{Client, allow_many_files, signal};

/// A running `clusterdesk serve`. Killed when dropped.
pub struct Process {
    child: Child,
    /// The working directory.
    pub folder: PathBuf,
    /// Standard output up to the line with the curl command, or up to the note that there is no token.
    pub banner: String,
    pub url: String,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Process {
    /// `clusterdesk` with these arguments and settings, run in `folder` with no other environment variables but PATH.
    pub fn command<A: AsRef<OsStr>>(folder: &Path, arguments: &[A], settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clusterdesk"));
        command.args(arguments).current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(settings.iter().copied());
        command
    }

    /// Runs a command and waits for its exit.
    pub fn run(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        Self::command(folder, arguments, settings).output().unwrap()
    }

    /// Starts a server on a free port and waits until it listens.
    pub fn serve(folder: &Path, settings: &[(&str, &str)]) -> Self {
        Self::serve_with_log(folder, settings, Stdio::piped())
    }

    /// Like [`Self::serve`], with the log going to `stderr`.
    pub fn serve_with_log(folder: &Path, settings: &[(&str, &str)], stderr: Stdio) -> Self {
        let mut command = Self::command(folder, &["serve"], &[("BIND_ADDR", "127.0.0.1:0")]);
        command.envs(settings.iter().copied());
        Self::start(folder, command, stderr)
    }

    /// Starts a server that may open so many files.
    pub fn serve_with_files(folder: &Path, settings: &[(&str, &str)], files: usize) -> Self {
        Self::serve_by(folder, &format!("ulimit -n {files} && exec \"$0\" serve"), settings)
    }

    /// Starts a server by a shell script, whose `$0` is the program.
    pub fn serve_by(folder: &Path, script: &str, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_clusterdesk")]);
        command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("BIND_ADDR", "127.0.0.1:0").envs(settings.iter().copied());
        Self::start(folder, command, Stdio::piped())
    }

    fn start(folder: &Path, mut command: Command, stderr: Stdio) -> Self {
        allow_many_files();
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        while !banner.contains("curl") && !banner.contains("No token at hand") {
            match lines.next() {
                Some(line) => banner += &(line.unwrap() + "\n"),
                None => {
                    let mut errors = String::new();
                    child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut errors).unwrap());
                    panic!("the server did not start:\n{banner}{errors}");
                }
            }
        }
        // Read continuously, so that a full pipe does not block the server.
        let log = Arc::<Mutex<String>>::default();
        let reader = child.stderr.take().map(|errors| {
            let lines = Arc::clone(&log);
            std::thread::spawn(move || {
                let errors = BufReader::new(errors).lines();
                errors.map_while(Result::ok).for_each(|line| *lines.lock().unwrap() += &(line + "\n"));
            })
        });
        let url = banner.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, folder: folder.to_owned(), banner, url, log, reader }
    }

    pub fn client(&self, token: &str) -> Client {
        Client::new(&self.url, Some(token.to_owned()))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The bytes that it holds in memory.
    pub fn resident(&self) -> usize {
        self.memory("VmRSS:")
    }

    /// The most bytes that it has held in memory since it started.
    pub fn peak(&self) -> usize {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    pub fn signal(&self, name: Signal) {
        signal(self.pid(), name).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let status = self.child.wait().unwrap();
        // After this the log is complete.
        self.reader.take().map_or(Ok(()), JoinHandle::join).unwrap();
        status
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
