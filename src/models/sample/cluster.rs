//! A sample cluster: its name, its steps, its end.

use std::time::Duration;

use super::dice::Dice;
use crate::{
    db::Timestamp,
    models::{
        k8s::{ClusterRow, Status},
        plan::Plan,
    },
};

const WORDS: [&str; 12] =
    ["shop", "api", "web", "billing", "search", "data", "games", "media", "maps", "mail", "lab", "blog"];
const STAGES: [&str; 5] = ["prod", "prod", "staging", "test", "dev"];
/// The more often it is here, the more clusters are there.
const LOCATIONS: [&str; 10] = [
    "eu-central",
    "eu-central",
    "eu-central",
    "eu-central",
    "us-east",
    "us-east",
    "us-east",
    "eu-west",
    "eu-west",
    "ap-south",
];

/// A cluster from its creation to the present.
#[derive(Clone, Debug)]
pub struct SampleCluster {
    /// Given when it is inserted.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where it runs.
    pub location: &'static str,
    /// The plan it occupies.
    pub plan: Plan,
    /// When it was created.
    pub created_at: Timestamp,
    /// What it became, and when.
    pub steps: Vec<(Timestamp, Status)>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
}

impl SampleCluster {
    /// A cluster that was created at a time, and what has happened to it until now.
    pub fn new(dice: &mut Dice, plan: Plan, created_at: Timestamp, now: Timestamp) -> Self {
        let name = format!("{}-{}", dice.pick(&WORDS, "web"), dice.pick(&STAGES, "prod"));
        let location = dice.pick(&LOCATIONS, "eu-central");
        let mut at = created_at;
        let mut steps = Vec::new();
        // A few never get anywhere.
        let most = if dice.chance(5) { dice.below(3) } else { 3 };
        for status in [Status::Creating, Status::Initing, Status::Running] {
            at = at.plus(dice.minutes(1, 5));
            steps.push((at, status));
        }
        steps.truncate(usize::try_from(most).unwrap_or(3));
        let (is_halted, is_resumed) = (dice.chance(25), dice.chance(40));
        let (halted_at, later) = (dice.between(at, now), dice.next());
        if steps.len() == 3 && is_halted {
            steps.push((halted_at, Status::Stopped));
            if is_resumed {
                let left = u64::try_from(now.millis().saturating_sub(halted_at.millis())).unwrap_or_default();
                let pause = Duration::from_millis(later % left.clamp(1, 7 * 24 * 60 * 60 * 1000));
                steps.push((halted_at.plus(pause), Status::Running));
            }
        }
        steps.retain(|(at, _)| *at < now);
        Self { id: 0, name, location, plan, created_at, steps, deleted_at: None }
    }

    /// The same, deleted at a time. What would have happened later has not.
    pub fn delete(&mut self, at: Timestamp) {
        self.steps.retain(|(step, _)| *step < at);
        self.deleted_at = Some(at);
    }

    /// The status before a deletion.
    pub fn last_status(&self) -> Status {
        self.steps.last().map_or(Status::Pending, |(_, status)| *status)
    }

    /// Its row.
    pub fn row(&self, owner: &str) -> ClusterRow {
        let last = self.steps.last().map_or(self.created_at, |(at, _)| *at);
        ClusterRow {
            id: self.id,
            name: self.name.clone(),
            location: self.location.to_owned(),
            auth_user_id: Some(owner.to_owned()),
            plan: self.plan,
            network: "Default".to_owned(),
            status: if self.deleted_at.is_some() { Status::Deleted } else { self.last_status() },
            has_run: self.steps.iter().any(|(_, status)| *status == Status::Running),
            created_at: self.created_at,
            updated_at: self.deleted_at.unwrap_or(last),
            deleted_at: self.deleted_at,
        }
    }
}
