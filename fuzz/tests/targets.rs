//! Runs the fuzz targets without libFuzzer: every file of the corpus, and random changes of these files. `PROPTEST_CASES`
//! sets how many changes of each target are tried, and `PROPTEST_RNG_SEED` tries others.

#![allow(clippy::as_conversions, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::{fs, panic::catch_unwind, path::Path};

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngSeed, TestRunner},
};

/// A change of some bytes.
#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// Repeats a piece of the bytes where it is.
    Repeat(Index, usize, usize),
    /// Everything from there on is that of another file.
    Splice(Index, Vec<u8>, Index),
}

/// Pieces that the formats give a meaning to.
const TOKENS: [&str; 24] = [
    "null",
    "true",
    "-0",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "{}",
    "[]",
    "[[[[",
    "\"id\":",
    "\"method\":",
    "\"json\":",
    "\"meta\":",
    "\\u0000",
    "\\ud800",
    "\n",
    "\n\n",
    ",",
    "%2C",
    "&batch=1",
    "v1=",
    "t=",
    ".",
    "é",
];

fn edit(corpus: &[Vec<u8>]) -> impl Strategy<Value = Edit> + use<> {
    let token = select(TOKENS.as_slice()).prop_map(|token| token.as_bytes().to_vec());
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<Index>(), prop_oneof![3 => token, 1 => vec(any::<u8>(), 1..8)])
            .prop_map(|(at, new)| Edit::Insert(at, new)),
        (any::<Index>(), 1..20_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        (any::<Index>(), 1..40_usize, 1..40_usize).prop_map(|(at, count, times)| Edit::Repeat(at, count, times)),
        (any::<Index>(), select(corpus.to_vec()), any::<Index>())
            .prop_map(|(at, other, from)| Edit::Splice(at, other, from)),
    ]
}

fn apply(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match edit {
            Edit::Set(..) | Edit::Remove(..) | Edit::Repeat(..) if bytes.is_empty() => {}
            Edit::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Edit::Insert(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Edit::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Edit::Repeat(at, count, times) => {
                let at = place(at);
                let piece = bytes[at..(at + count).min(bytes.len())].repeat(*times);
                bytes.splice(at..at, piece);
            }
            Edit::Splice(at, other, from) => {
                bytes.truncate(place(at));
                bytes.extend(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    bytes
}

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus of {name} is gone");
    files
}

fn check(name: &str, target: fn(&[u8])) {
    let files = corpus(name);
    for (file, bytes) in &files {
        assert!(catch_unwind(|| target(bytes)).is_ok(), "{file} fails, see above");
    }
    let corpus: Vec<_> = files.into_iter().map(|(_, bytes)| bytes).collect();
    let changed = (select(corpus.clone()), vec(edit(&corpus), 1..6)).prop_map(|(bytes, edits)| apply(bytes, &edits));
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(0);
    }
    let run = TestRunner::new(config).run(&changed, |bytes| {
        target(&bytes);
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

#[cfg(feature = "server")]
#[test]
fn cursors() {
    check("cursors", clusterdesk_fuzz::cursors);
}

#[test]
fn envelope() {
    check("envelope", clusterdesk_fuzz::envelope);
}

#[test]
fn socket_frames() {
    check("socket_frames", clusterdesk_fuzz::socket_frames);
}

#[cfg(feature = "server")]
#[test]
fn stripe() {
    check("stripe", clusterdesk_fuzz::stripe);
}

#[test]
fn superjson() {
    check("superjson", clusterdesk_fuzz::superjson);
}

#[test]
fn trpc_request() {
    check("trpc_request", clusterdesk_fuzz::trpc_request);
}
