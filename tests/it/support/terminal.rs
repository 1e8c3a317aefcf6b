//! A pseudo-terminal, on which programs show what they show to people.

use std::{
    fs::File,
    io::Read,
    process::{Command, Output},
    thread,
};

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

/// Runs a command whose standard error is a terminal. Returns its output, and what the terminal was sent.
pub fn on_terminal(mut command: Command) -> (Output, String) {
    // Without NOCTTY it could become the terminal of the tests. Without CLOEXEC, a server that another test starts meanwhile would
    // keep it open.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = ioctl_tiocgptpeer(&ours, flags).unwrap();
    let reader = thread::spawn(move || {
        let mut shown = Vec::new();
        // Linux reports an error when nobody has the other side open any more.
        drop(File::from(ours).read_to_end(&mut shown));
        String::from_utf8(shown).unwrap()
    });
    let output = command.env("TERM", "xterm").stderr(theirs).output().unwrap();
    // Otherwise the other side would stay open.
    drop(command);
    (output, reader.join().unwrap())
}
