//! Stopping processes for a while, as a machine that hangs does.

use rustix::{
    io::Errno,
    process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit},
};

/// Stopped processes. They continue when this is dropped.
pub struct Frozen(Vec<u32>);

impl Frozen {
    /// Stops processes.
    pub fn new(pids: Vec<u32>) -> Self {
        let frozen = Self(pids);
        frozen.signal(Signal::STOP);
        frozen
    }

    /// Stops a process and its children, which must not end meanwhile.
    pub fn with_children(pid: u32) -> Self {
        // First the parent, which then starts no more children.
        let mut frozen = Self::new(vec![pid]);
        let children = children(pid);
        frozen.0.extend(&children);
        frozen.signal(Signal::STOP);
        frozen
    }

    fn signal(&self, name: Signal) {
        self.0.iter().for_each(|pid| signal(*pid, name).unwrap());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = signal(*pid, Signal::CONT);
        }
    }
}

/// Sends a signal to a process. A process that has ended is an error.
pub fn signal(pid: u32, signal: Signal) -> Result<(), Errno> {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal)
}

/// Lets no file of a process grow beyond so many bytes, as a full disk would. A process that has ended is an error.
pub fn limit_files(pid: u32, bytes: Option<u64>) -> Result<(), Errno> {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).map(drop)
}

fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// None when the process has ended.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name of the program in parentheses, which may contain anything: its state, then its parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
