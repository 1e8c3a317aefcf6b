//! Who has written lately, so that a query of theirs runs on the replica only if that has what they wrote.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::log_position::LogPosition;

/// Most callers that are remembered.
const MOST: usize = 50_000;
/// With fewer, none is forgotten before the time.
const FEW: usize = 1024;

/// A caller whose query may run on the replica.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The caller, if it is known.
    pub who: Option<String>,
    /// When the primary was about to be asked for its position.
    pub asked: Instant,
    /// The position of the primary after that.
    pub position: LogPosition,
}

/// Where the latest write of each caller lies in the log of the primary, for a while. It is read for the caller's next query,
/// so that a write costs nothing.
pub(super) struct OwnWrites {
    /// For how long a write is remembered. After that a replica has it, or is too far behind for everybody.
    kept: Duration,
    state: Mutex<State>,
}

struct State {
    writers: HashMap<String, Write>,
    /// At this many, writes that are old enough are removed. It doubles with what remains.
    sweep_at: usize,
    /// When so many callers had written that all were forgotten. For a while, everybody counts as one of them.
    forgotten: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Write {
    /// When it was reported.
    ended: Instant,
    /// A position behind it, once that is known.
    position: Option<LogPosition>,
}

impl OwnWrites {
    /// Remembers each write for `kept`.
    pub fn new(kept: Duration) -> Self {
        let state = State { writers: HashMap::new(), sweep_at: FEW, forgotten: None };
        Self { kept, state: Mutex::new(state) }
    }

    /// Notes that a caller has written, before they are told so.
    pub fn note(&self, who: &str) {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.writers.len() >= state.sweep_at {
            state.writers.retain(|_, write| now.duration_since(write.ended) < self.kept);
            if state.writers.len() >= MOST {
                state.writers = HashMap::new();
                state.forgotten = Some(now);
            }
            state.sweep_at = state.writers.len().saturating_mul(2).clamp(FEW, MOST);
        }
        state.writers.insert(who.to_owned(), Write { ended: now, position: None });
    }

    /// Up to where the replica must have replayed the log for a reader to read their own writes. None for one who has not
    /// written lately.
    pub fn needed(&self, reader: &Reader) -> Option<LogPosition> {
        let Reader { who, asked, position } = reader;
        let now = Instant::now();
        let is_recent = |ended: Instant| now.duration_since(ended) < self.kept;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.forgotten.is_some_and(is_recent) {
            return Some(*position);
        }
        let write = state.writers.get_mut(who.as_deref()?).filter(|write| is_recent(write.ended))?;
        if write.ended > *asked {
            // The position may lie before it.
            return Some(LogPosition::END);
        }
        Some(*write.position.get_or_insert(*position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn reader(who: &str, position: i64) -> Reader {
        Reader { who: Some(who.to_owned()), asked: Instant::now(), position: LogPosition::at(position) }
    }

    #[test]
    fn a_writer_needs_the_position_that_was_read_first_after_the_write() {
        let writes = OwnWrites::new(HOUR);
        let early = reader("ann", 5);
        assert_eq!(writes.needed(&early), None);
        writes.note("ann");
        assert_eq!(writes.needed(&early), Some(LogPosition::END), "asked before the write");
        assert_eq!(writes.needed(&reader("ann", 7)), Some(LogPosition::at(7)));
        assert_eq!(writes.needed(&reader("ann", 9)), Some(LogPosition::at(7)));
        assert_eq!(writes.needed(&reader("ben", 9)), None);
        assert_eq!(writes.needed(&Reader { who: None, ..reader("", 9) }), None);
        writes.note("ann");
        assert_eq!(writes.needed(&reader("ann", 11)), Some(LogPosition::at(11)));
    }

    #[test]
    fn an_old_write_is_forgotten() {
        let writes = OwnWrites::new(Duration::ZERO);
        for number in 0..FEW * 4 {
            writes.note(&number.to_string());
            assert_eq!(writes.needed(&reader(&number.to_string(), 1)), None);
        }
        assert!(writes.state.lock().unwrap().writers.len() <= FEW);
    }

    #[test]
    fn of_too_many_writers_none_reads_an_older_state() {
        let writes = OwnWrites::new(HOUR);
        for number in 0..MOST + 1 {
            writes.note(&number.to_string());
        }
        assert!(writes.state.lock().unwrap().writers.len() < MOST);
        assert_eq!(writes.needed(&reader("0", 3)), Some(LogPosition::at(3)));
        assert_eq!(writes.needed(&reader("somebody", 4)), Some(LogPosition::at(4)));
    }
}
