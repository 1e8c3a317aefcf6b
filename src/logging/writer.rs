//! Writes the log on a thread of its own. A full disk, a closed pipe or a reader that stalls costs log lines, but never
//! delays or fails a call.
//!
//! tracing-appender has such a writer, but bounds its buffer in lines instead of bytes, does not count failed writes, and
//! prints to standard output when it can't be flushed.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clusterdesk::kernel::metrics::DroppedLines;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

/// Bytes that may wait to be written.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// How long to wait for the buffer to be written when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How often to log that lines were dropped.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

enum Entry {
    Line(Vec<u8>),
    /// Answered when all entries before it are written.
    Flush(Sender<()>),
}

/// The running log. Dropping it waits at most a second until everything is written.
pub struct Log {
    lines: Lines,
}

/// A writer that queues every line and always succeeds.
#[derive(Clone)]
pub struct Lines {
    queue: Sender<Entry>,
    waiting: Arc<AtomicUsize>,
    dropped: DroppedLines,
}

impl Log {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start(output: impl Write + Send + 'static, dropped: DroppedLines) -> io::Result<Self> {
        let (queue, entries) = unbounded();
        let lines = Lines { queue, waiting: Arc::default(), dropped };
        let worker = Worker { output, waiting: Arc::clone(&lines.waiting), dropped: lines.dropped.clone() };
        thread::Builder::new().name("log".to_owned()).spawn(move || worker.run(&entries))?;
        Ok(Self { lines })
    }

    /// Where to write lines.
    pub fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// The counters of dropped lines.
    pub fn dropped(&self) -> &DroppedLines {
        &self.lines.dropped
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = bounded(1);
        if self.lines.queue.send(Entry::Flush(done)).is_ok() {
            let _timed_out = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let before = self.waiting.fetch_add(line.len(), Ordering::Relaxed);
        let fits = before.saturating_add(line.len()) <= BUFFER_BYTES;
        if !fits || self.queue.send(Entry::Line(line.to_vec())).is_err() {
            self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.dropped.unread.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Worker<W> {
    output: W,
    waiting: Arc<AtomicUsize>,
    dropped: DroppedLines,
}

impl<W: Write> Worker<W> {
    fn run(mut self, entries: &Receiver<Entry>) {
        let (mut reported, mut next_report) = (0, Instant::now() + REPORT_INTERVAL);
        loop {
            match entries.recv_deadline(next_report) {
                Ok(Entry::Line(line)) => {
                    if self.output.write_all(&line).is_err() {
                        self.dropped.failed.inc();
                    }
                    self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
                }
                // Fails when the log has stopped waiting.
                Ok(Entry::Flush(done)) => {
                    let _gone = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= next_report {
                reported = self.report(reported);
                next_report = Instant::now() + REPORT_INTERVAL;
            }
        }
    }

    /// Logs the dropped lines if there are more than `reported`, and returns their number.
    fn report(&self, reported: u64) -> u64 {
        let DroppedLines { unread, failed, refusals, .. } = &self.dropped;
        let total = self.dropped.total();
        if total > reported {
            let (unread, failed, refusals) = (unread.get(), failed.get(), refusals.get());
            tracing::warn!(unread, failed, refusals, "log lines were dropped; these are totals since the start");
        }
        total
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::{Sender as Signal, channel};

    use super::*;

    /// Reports each write, then fails.
    struct Broken(Signal<()>);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.0.send(()).unwrap();
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Reports each write, then blocks until the test ends.
    struct Stalled(Signal<()>, Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _test_ended = (self.0.send(()), self.1.recv());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_writer_survives_failed_writes_and_counts_them() {
        let (written, writes) = channel();
        let dropped = DroppedLines::new().unwrap();
        let log = Log::start(Broken(written), dropped.clone()).unwrap();
        for _ in 0..3 {
            log.lines().write_all(b"line\n").unwrap();
            writes.recv().unwrap();
        }
        drop(log);
        assert_eq!((dropped.failed.get(), dropped.total()), (3, 3));
    }

    #[test]
    fn the_buffer_is_bounded_in_bytes() {
        let (written, writes) = channel();
        let (end, ended) = bounded::<()>(0);
        let dropped = DroppedLines::new().unwrap();
        let log = Log::start(Stalled(written, ended), dropped.clone()).unwrap();
        let line = vec![b'x'; BUFFER_BYTES / 4];
        log.lines().write_all(&line).unwrap();
        writes.recv().unwrap();
        for _ in 0..10 {
            log.lines().write_all(&line).unwrap();
        }
        assert_eq!(dropped.unread.get(), 7);
        drop(end);
    }
}
