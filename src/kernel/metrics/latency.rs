//! Counts of calls by how long they took, from which percentiles are estimated.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Eight buckets between each power of two of microseconds and the next, so a bucket is at most an eighth wide. The last one has
/// whatever took longer than a minute.
const BUCKETS: usize = 192;
const PARTS: u64 = 8;

/// The counts since the start, which many threads increase.
pub(super) struct Tally([AtomicU64; BUCKETS]);

/// Counts of some time, of the buckets that have any: the bucket and its count, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(Vec<(usize, u64)>);

impl Default for Tally {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Tally {
    /// Counts a call that took so long.
    pub fn add(&self, elapsed: Duration) {
        if let Some(count) = self.0.get(bucket(elapsed)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let counts = self.0.iter().map(|count| count.load(Relaxed)).enumerate();
        Counts(counts.filter(|(_, count)| *count > 0).collect())
    }
}

impl Counts {
    /// All calls.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Adds those of another time or procedure.
    pub fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            match self.0.binary_search_by_key(bucket, |(known, _)| *known) {
                Ok(place) => self.0.get_mut(place).into_iter().for_each(|(_, sum)| *sum += count),
                Err(place) => self.0.insert(place, (*bucket, *count)),
            }
        }
    }

    /// These without those of an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bucket: usize| {
            let place = earlier.0.binary_search_by_key(&bucket, |(known, _)| *known).ok();
            place.and_then(|place| earlier.0.get(place)).map_or(0, |(_, count)| *count)
        };
        let added = self.0.iter().map(|(bucket, count)| (*bucket, count.saturating_sub(before(*bucket))));
        Self(added.filter(|(_, count)| *count > 0).collect())
    }

    /// The time within which so many of a hundred calls were answered. None without calls.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        // In hundredths of a call, so that half a call is a whole number.
        let mut wanted = self.total().saturating_mul(percent);
        for (bucket, count) in &self.0 {
            let here = count.saturating_mul(100);
            if wanted <= here {
                let Range { begin, width } = range(*bucket);
                // As if the calls were spread evenly over their bucket.
                let part = u128::from(width) * u128::from(wanted) / u128::from(here.max(1));
                return Some(Duration::from_micros(begin.saturating_add(u64::try_from(part).unwrap_or(width))));
            }
            wanted -= here;
        }
        None
    }
}

/// The microseconds of a bucket.
struct Range {
    begin: u64,
    width: u64,
}

fn bucket(elapsed: Duration) -> usize {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
    let power = u64::from(micros.ilog2());
    let number = match power.checked_sub(3) {
        None => micros,
        Some(shift) => (shift + 1) * PARTS + (micros >> shift) % PARTS,
    };
    usize::try_from(number).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn range(bucket: usize) -> Range {
    let number = u64::try_from(bucket).unwrap_or(0);
    match (number / PARTS).checked_sub(1) {
        None => Range { begin: number, width: 1 },
        Some(shift) => Range { begin: (PARTS + number % PARTS) << shift, width: 1 << shift },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_its_bucket_and_buckets_follow_each_other() {
        for micros in (0..5000).chain((0..26).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let Range { begin, width } = range(bucket(Duration::from_micros(micros)));
            assert!((begin..begin + width).contains(&micros.max(1)), "{micros}: {begin} {width}");
        }
        for number in 1..BUCKETS {
            let before = range(number - 1);
            assert_eq!(before.begin + before.width, range(number).begin);
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert!(range(BUCKETS - 1).begin > 60_000_000);
    }

    #[test]
    fn percentiles_are_as_exact_as_a_bucket() {
        let tally = Tally::default();
        assert_eq!(tally.counts().percentile(50), None);
        (1..=1000).for_each(|millis| tally.add(Duration::from_millis(millis)));
        let counts = tally.counts();
        assert_eq!(counts.total(), 1000);
        for (percent, millis) in [(50, 500.0), (99, 990.0), (100, 1000.0)] {
            let found = counts.percentile(percent).unwrap().as_secs_f64() * 1000.0;
            assert!((found - millis).abs() < millis / 8.0, "p{percent} is {found}");
        }
    }

    #[test]
    fn what_was_counted_since_a_reading_and_before_it_is_all() {
        let tally = Tally::default();
        tally.add(Duration::from_millis(1));
        let first = tally.counts();
        tally.add(Duration::from_millis(1));
        tally.add(Duration::from_secs(1));
        let (all, mut sum) = (tally.counts(), first.clone());
        sum.add(&all.since(&first));
        assert_eq!((sum, all.since(&first).total()), (all.clone(), 2));
        assert_eq!(all.since(&all), Counts::default());
    }
}
