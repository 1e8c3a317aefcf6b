//! Numbers that look random and are the same every time.

use std::time::Duration;

use crate::db::Timestamp;

/// What a number is for. Numbers for one thing don't depend on how many were taken for another.
#[derive(Clone, Copy, Debug)]
pub enum Topic {
    /// Name and address.
    Person,
    /// When somebody signs up.
    SignUp,
    /// Whether and when they leave.
    Leaving,
    /// What and when they pay.
    Billing,
    /// Their cluster on FREE.
    FreeCluster,
    /// Their cluster on a paid plan.
    PaidCluster,
    /// Ids of requests.
    Request,
}

impl Topic {
    fn number(self) -> u64 {
        match self {
            Self::Person => 1,
            Self::SignUp => 2,
            Self::Leaving => 3,
            Self::Billing => 4,
            Self::FreeCluster => 5,
            Self::PaidCluster => 6,
            Self::Request => 7,
        }
    }
}

/// The numbers of one user for one thing.
pub struct Dice(u64);

impl Dice {
    /// The numbers for `topic` of the user with this number.
    pub fn of(user: u32, topic: Topic) -> Self {
        Self(u64::from(user).wrapping_mul(0x9e37_79b9).wrapping_add(topic.number() << 40))
    }

    /// The next number (SplitMix64).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, which is left out.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// True in so many cases of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<T: Copy>(&mut self, among: &[T], otherwise: T) -> T {
        let length = u64::try_from(among.len()).unwrap_or(1);
        usize::try_from(self.below(length)).ok().and_then(|at| among.get(at)).copied().unwrap_or(otherwise)
    }

    /// A length of time between two numbers of minutes.
    pub fn minutes(&mut self, least: u64, most: u64) -> Duration {
        let milliseconds = self.below((most.saturating_sub(least)).saturating_mul(60_000));
        Duration::from_secs(least.saturating_mul(60)).saturating_add(Duration::from_millis(milliseconds))
    }

    /// A time between two others; `from` if there is none.
    pub fn between(&mut self, from: Timestamp, to: Timestamp) -> Timestamp {
        let span = u64::try_from(to.millis().saturating_sub(from.millis())).unwrap_or_default();
        from.plus(Duration::from_millis(self.below(span)))
    }
}
