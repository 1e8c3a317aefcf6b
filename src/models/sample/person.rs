//! A sample user: when they came, what they own, and whether they have left.

use std::time::Duration;

use super::{
    billing::Billing,
    cluster::SampleCluster,
    dice::{Dice, Topic},
};
use crate::{
    db::Timestamp,
    models::{
        bulk::WholeUser,
        plan::Plan,
        user::{Role, placeholder_email},
    },
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: f64 = 365.0 * 86_400.0;
/// The business grows: in the first half of the year come three tenths of the users.
const GROWTH: f64 = 0.58;
/// The examples in README.md use the first users, so these stay.
const KEPT: u32 = 9;

const FIRST: [&str; 24] = [
    "Ada",
    "Alan",
    "Amina",
    "Barbara",
    "Chidi",
    "Dorothy",
    "Edsger",
    "Elif",
    "Grace",
    "Haruki",
    "Ines",
    "Ivan",
    "Jorge",
    "Katherine",
    "Linus",
    "Mei",
    "Niklaus",
    "Noor",
    "Olga",
    "Priya",
    "Radia",
    "Sven",
    "Tariq",
    "Wanjiru",
];
const LAST: [&str; 24] = [
    "Abe",
    "Bauer",
    "Costa",
    "Dahl",
    "Eze",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Patel",
    "Quispe",
    "Rossi",
    "Silva",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weber",
    "Zhang",
];

/// A user from the sign-up to the present.
#[derive(Clone, Debug)]
pub struct Person {
    /// From 1.
    pub number: u32,
    /// When they signed up.
    pub since: Timestamp,
    /// When they were soft-deleted, if they were.
    pub left_at: Option<Timestamp>,
    /// Their customer record, if they are a customer.
    pub billing: Option<Billing>,
    /// Their clusters: one on FREE, and one on the plan that they pay for.
    pub clusters: Vec<SampleCluster>,
}

/// The id of a sample user.
pub fn id(number: u32) -> String {
    format!("user_sample_{number:06}")
}

/// The email address of a sample user.
pub fn email(number: u32) -> String {
    format!("user{number}@sample.example")
}

impl Person {
    /// One of `count` users, as they are now.
    pub fn new(number: u32, count: u32, now: Timestamp) -> Self {
        // Nothing is newer than this, so that all is in the past.
        let now = now.minus(Duration::from_secs(60));
        let since = sign_up(number, count, now);
        let mut dice = Dice::of(number, Topic::Billing);
        let plan = match number % 9 {
            3 => Some(Plan::Free),
            6 => Some(Plan::Pro),
            0 => Some(Plan::Business),
            _ => None,
        };
        let bought_at = dice.between(since, since.plus(14 * DAY).min(now));
        let billing = plan.map(|plan| Billing::new(&mut dice, plan, bought_at, now));

        let mut dice = Dice::of(number, Topic::FreeCluster);
        let mut free = SampleCluster::new(&mut dice, Plan::Free, since.plus(first_pause(number)).min(now), now);
        let end = dice.between(free.created_at, now);
        if number.is_multiple_of(5) {
            free.delete(end);
        }
        let mut clusters = vec![free];
        if let Some(billing) = billing.as_ref().filter(|billing| billing.plan != Plan::Free) {
            let mut dice = Dice::of(number, Topic::PaidCluster);
            let created_at = billing.since.plus(dice.minutes(2, 120)).min(now);
            let mut paid = SampleCluster::new(&mut dice, billing.plan, created_at, now);
            let (is_deleted, pause) = (dice.chance(60), dice.minutes(0, 20_000));
            // Who stops paying often tidies up.
            if let Some(end) = billing.ends_at().filter(|end| *end < now && is_deleted) {
                paid.delete(end.plus(pause).min(now));
            }
            clusters.push(paid);
        }
        let mut person = Self { number, since, left_at: None, billing, clusters };
        person.leave(now);
        person
    }

    /// Some leave who don't pay any more.
    fn leave(&mut self, now: Timestamp) {
        let mut dice = Dice::of(self.number, Topic::Leaving);
        let (leaves, pays) = (dice.chance(6), self.billing.as_ref().is_some_and(|billing| billing.is_running(now)));
        let last = self.clusters.iter().map(|cluster| cluster.row("").updated_at).max().unwrap_or(self.since);
        let earliest = self.billing.as_ref().and_then(Billing::ends_at).map_or(last, |end| end.max(last));
        let at = dice.between(earliest.plus(DAY), now);
        if self.number <= KEPT || !leaves || pays || at >= now {
            return;
        }
        self.left_at = Some(at);
        for cluster in self.clusters.iter_mut().filter(|cluster| cluster.deleted_at.is_none()) {
            cluster.delete(at);
        }
    }

    /// The row of the user, with this email address unless they have left.
    pub fn row(&self, email: Option<String>) -> WholeUser {
        let mut dice = Dice::of(self.number, Topic::Person);
        let name = format!("{} {}", dice.pick(&FIRST, "Ada"), dice.pick(&LAST, "Abe"));
        let id = id(self.number);
        let email = if self.left_at.is_some() { Some(placeholder_email(&id)) } else { email };
        WholeUser {
            id,
            name: self.left_at.is_none().then_some(name),
            email,
            image: None,
            role: Role::User,
            created_at: self.since,
            updated_at: self.left_at.unwrap_or(self.since),
            deleted_at: self.left_at,
        }
    }
}

/// How long after signing up the first cluster is made: minutes.
fn first_pause(number: u32) -> Duration {
    Dice::of(number, Topic::SignUp).minutes(1, 45)
}

/// When one of `count` users signed up: within the last year, ever more of them, and fewer at weekends.
fn sign_up(number: u32, count: u32, now: Timestamp) -> Timestamp {
    let place = f64::from(number) / f64::from(count.max(1));
    // Whole seconds: times have milliseconds, in both databases.
    let offset = Duration::from_secs(Duration::from_secs_f64(YEAR * place.powf(GROWTH)).as_secs());
    let mut dice = Dice::of(number, Topic::SignUp);
    dice.next();
    let spread = dice.minutes(0, 2 * 24 * 60);
    let at = now.minus(Duration::from_secs_f64(YEAR)).plus(offset).minus(spread).max(now.minus(365 * DAY));
    // 1970-01-01 was a Thursday.
    let weekday = at.millis().div_euclid(86_400_000).saturating_add(4).rem_euclid(7);
    let is_moved = matches!(weekday, 0 | 6) && dice.chance(55);
    let days = u32::try_from(dice.below(3)).unwrap_or_default().saturating_add(2);
    if is_moved { at.minus(days * DAY).max(now.minus(365 * DAY)) } else { at }
}
