//! Writes the log on a thread of its own. A full disk, a closed pipe or a reader that stalls costs log lines, but never
//! delays or fails a call.
//!
//! tracing-appender has such a writer, but bounds its buffer in lines instead of bytes, does not count failed writes, and
//! prints to standard output when it can't be flushed.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use clusterdesk::kernel::metrics::DroppedLines;

/// Bytes that may wait to be written, those of a write in progress included.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// How long a line waits for others. Waking the thread for each costs a call several microseconds.
const GATHER: Duration = Duration::from_millis(5);
/// Room that the buffers keep once they are empty.
const KEPT_BYTES: usize = 256 * 1024;
/// How long to wait for the buffer to be written when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How often to log that lines were dropped.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The running log. Dropping it waits at most a second until everything is written.
pub struct Log {
    lines: Lines,
}

/// A writer that keeps every line for the thread and always succeeds.
#[derive(Clone)]
pub struct Lines {
    shared: Arc<Shared>,
}

struct Shared {
    buffer: Mutex<Buffer>,
    /// There is something to write, or no reason to gather more.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
    dropped: DroppedLines,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
    /// Bytes of the write in progress.
    writing: usize,
    /// The process ends, so lines are written at once.
    is_ending: bool,
}

impl Log {
    /// Starts the thread that writes to `output`.
    ///
    /// # Errors
    /// When the operating system refuses a thread.
    pub fn start(output: impl Write + Send + 'static, dropped: DroppedLines) -> io::Result<Self> {
        let shared = Shared { buffer: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new(), dropped };
        let shared = Arc::new(shared);
        let worker = Worker { output, shared: Arc::clone(&shared), reported: 0 };
        thread::Builder::new().name("log".to_owned()).spawn(move || worker.run())?;
        Ok(Self { lines: Lines { shared } })
    }

    /// Where to write lines.
    pub fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// The counters of dropped lines.
    pub fn dropped(&self) -> &DroppedLines {
        &self.lines.shared.dropped
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let shared = &self.lines.shared;
        let mut buffer = shared.lock();
        buffer.is_ending = true;
        shared.filled.notify_one();
        let waited = shared.emptied.wait_timeout_while(buffer, FLUSH_TIMEOUT, |buffer| !buffer.is_written());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut buffer = self.shared.lock();
        let bytes = buffer.bytes.len().saturating_add(buffer.writing).saturating_add(line.len());
        if bytes > BUFFER_BYTES {
            self.shared.dropped.unread.inc();
            return Ok(line.len());
        }
        let is_first = buffer.bytes.is_empty();
        buffer.bytes.extend_from_slice(line);
        buffer.lines = buffer.lines.saturating_add(1);
        drop(buffer);
        if is_first {
            self.shared.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // Nothing panics while it holds the lock.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits on `filled`, at most for `time`, while `condition` holds.
    fn wait<'b>(
        &self,
        buffer: MutexGuard<'b, Buffer>,
        time: Duration,
        condition: fn(&mut Buffer) -> bool,
    ) -> MutexGuard<'b, Buffer> {
        self.filled.wait_timeout_while(buffer, time, condition).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Buffer {
    fn is_written(&self) -> bool {
        self.bytes.is_empty() && self.writing == 0
    }
}

struct Worker<W> {
    output: W,
    shared: Arc<Shared>,
    /// Dropped lines that the log tells of.
    reported: u64,
}

impl<W: Write> Worker<W> {
    fn run(mut self) {
        let (mut batch, mut next_report) = (Vec::new(), Instant::now() + REPORT_INTERVAL);
        loop {
            let mut buffer = self.shared.lock();
            let patience = next_report.saturating_duration_since(Instant::now());
            buffer = self.shared.wait(buffer, patience, |buffer| buffer.bytes.is_empty());
            if !buffer.bytes.is_empty() {
                buffer = self.shared.wait(buffer, GATHER, |buffer| !buffer.is_ending);
                mem::swap(&mut batch, &mut buffer.bytes);
                let lines = mem::take(&mut buffer.lines);
                buffer.writing = batch.len();
                drop(buffer);
                if self.output.write_all(&batch).is_err() {
                    self.shared.dropped.failed.inc_by(lines);
                }
                batch.clear();
                batch.shrink_to(KEPT_BYTES);
                buffer = self.shared.lock();
                buffer.writing = 0;
                if buffer.is_written() {
                    self.shared.emptied.notify_all();
                }
            }
            drop(buffer);
            if Instant::now() >= next_report {
                self.report();
                next_report = Instant::now() + REPORT_INTERVAL;
            }
        }
    }

    /// Logs the dropped lines if there are new ones.
    fn report(&mut self) {
        let DroppedLines { unread, failed, refusals, .. } = &self.shared.dropped;
        let total = self.shared.dropped.total();
        if total > self.reported {
            let (unread, failed, refusals) = (unread.get(), failed.get(), refusals.get());
            tracing::warn!(unread, failed, refusals, "log lines were dropped; these are totals since the start");
        }
        self.reported = total;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::mpsc::{Receiver, Sender as Signal, channel};

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
        let dropped = DroppedLines::default();
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
        let (end, ended) = channel::<()>();
        let dropped = DroppedLines::default();
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
