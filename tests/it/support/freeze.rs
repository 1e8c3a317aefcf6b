//! Stopping processes for a while, as a machine that hangs does.

use std::process::Command;

/// Stopped processes. They continue when this is dropped.
pub struct Frozen(Vec<u32>);

impl Frozen {
    /// Stops processes.
    pub fn new(pids: Vec<u32>) -> Self {
        let frozen = Self(pids);
        frozen.signal("STOP");
        frozen
    }

    /// Stops a process and its children, which must not end meanwhile.
    pub fn with_children(pid: u32) -> Self {
        // First the parent, which then starts no more children.
        let mut frozen = Self::new(vec![pid]);
        let children = children(pid);
        frozen.0.extend(&children);
        frozen.signal("STOP");
        frozen
    }

    fn signal(&self, name: &str) {
        let pids = self.0.iter().map(u32::to_string);
        assert!(Command::new("kill").args(["-s", name]).args(pids).status().unwrap().success());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let pids = self.0.iter().map(u32::to_string);
        drop(Command::new("kill").args(["-s", "CONT"]).args(pids).status());
    }
}

fn children(parent: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let pairs = text.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    });
    pairs.filter(|(_, of)| *of == parent).map(|(pid, _)| pid).collect()
}
