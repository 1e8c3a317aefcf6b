//! How far a command is: a bar on a terminal, lines elsewhere. Both go to standard error.

use std::{
    borrow::Cow,
    io::{IsTerminal, Write, stderr},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// Lines about a part whose steps are known.
const LINES: u64 = 10;
/// Steps between two lines about any other.
const EVERY: u64 = 100;
/// Steps that are done in a moment.
const FEW: u64 = 200;
/// Between two looks at a file that grows. A wait of less shows nothing.
const LOOK: Duration = Duration::from_millis(250);
/// Between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(200);
/// The bytes of a step of it.
const MEGABYTE: u64 = 1_000_000;

/// The progress of one part of a command, which ends when it is dropped.
pub struct Progress {
    what: Cow<'static, str>,
    done: u64,
    all: Option<u64>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins a part that has `all` steps, if that is known.
    pub fn new(what: impl Into<Cow<'static, str>>, all: Option<u64>) -> Self {
        let what = what.into();
        let bar = stderr().is_terminal().then(|| bar(what.clone(), all));
        Self { what, done: 0, all, bar }
    }

    /// Begins a part that has `all` steps, if these are many: few are done before anybody wonders.
    pub fn of_many(what: &'static str, all: u64) -> Option<Self> {
        (all > FEW).then(|| Self::new(what, Some(all)))
    }

    /// More steps are done.
    pub fn add(&mut self, steps: u64) {
        let before = self.lines();
        self.done = self.done.saturating_add(steps);
        match &self.bar {
            Some(bar) => bar.inc(steps),
            None if self.lines() > before => self.line(),
            None => {}
        }
    }

    fn line(&self) {
        let all = self.all.map(|all| format!(" of {all}")).unwrap_or_default();
        // Nobody has to read it.
        drop(writeln!(stderr(), "{}: {}{all}", self.what, self.done));
    }

    /// The lines that are due so far.
    fn lines(&self) -> u64 {
        match self.all {
            Some(all) => self.done.saturating_mul(LINES).checked_div(all).unwrap_or(LINES),
            None => self.done / EVERY,
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None if self.all.is_none() && !self.done.is_multiple_of(EVERY) => self.line(),
            None => {}
        }
    }
}

/// Runs `work`, of which nobody can tell how far it is. If that takes long, `what` says what happens.
pub fn wait<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (working, ended) = channel::<()>();
        scope.spawn(move || {
            if ended.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if !stderr().is_terminal() {
                drop(writeln!(stderr(), "{what}…"));
                return;
            }
            let shown = spinner(what);
            // Until the other end is dropped.
            while ended.recv().is_ok() {}
            shown.finish_and_clear();
        });
        let done = work();
        drop(working);
        done
    })
}

/// Runs `work`, and meanwhile shows how many of about `all` bytes are written, as `written` says.
pub fn watch<T>(all: u64, written: impl Fn() -> u64 + Send, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (working, ended) = channel::<()>();
        scope.spawn(move || {
            let mut progress = Progress::new("MB written", Some(all.div_ceil(MEGABYTE)));
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                progress.add((written() / MEGABYTE).saturating_sub(progress.done));
            }
        });
        let done = work();
        drop(working);
        done
    })
}

fn bar(what: Cow<'static, str>, all: Option<u64>) -> ProgressBar {
    let (bar, template) = match all {
        Some(all) => (ProgressBar::new(all), "{msg} {wide_bar} {human_pos} of {human_len}, {eta} left"),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {human_pos}"),
    };
    let bar = styled(bar, template).with_message(what);
    // The first step may take its time.
    bar.tick();
    bar
}

fn spinner(what: &'static str) -> ProgressBar {
    let spinner = styled(ProgressBar::new_spinner(), "{msg} {spinner}").with_message(what);
    spinner.enable_steady_tick(TICK);
    spinner
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_invalid| ProgressStyle::default_bar()))
}
