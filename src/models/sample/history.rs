//! What has happened to the sample users, in the order in which it happened: entries of the audit log, and events of clusters.

use super::{
    billing::event_id,
    cluster::SampleCluster,
    dice::{Dice, Topic},
    person::{self, Person},
};
use crate::{
    db::Timestamp,
    models::{
        audit::{Door, NewAuditEntry},
        cluster_event::{EventKind, NewClusterEvent},
        k8s::Status,
        plan::Plan,
    },
};

/// Something that has happened to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// They became a customer.
    Customer,
    /// They paid a period, by its number.
    Paid(usize),
    /// They created a cluster, by its number.
    Created(usize),
    /// The cluster took a step, by its number.
    Step(usize, usize),
    /// They deleted a cluster.
    Deleted(usize),
    /// They left.
    Left,
}

/// Something that has happened. It has few bytes, because there are many.
#[derive(Clone, Copy, Debug)]
pub struct Happening {
    at: Timestamp,
    /// The place of the user among all.
    person: usize,
    what: What,
}

/// The rows about something that has happened.
#[derive(Default)]
pub struct Records {
    /// The entry in the audit log, if anybody did it on purpose.
    pub entry: Option<NewAuditEntry>,
    /// The events of clusters.
    pub events: Vec<NewClusterEvent>,
}

/// All that has happened, oldest first.
pub fn happenings(people: &[Person]) -> Vec<Happening> {
    let mut all = Vec::new();
    for (number, person) in people.iter().enumerate() {
        let mut add = |at, what| all.push(Happening { at, person: number, what });
        if let Some(billing) = &person.billing {
            add(billing.since, What::Customer);
            billing.paid.iter().enumerate().for_each(|(number, at)| add(*at, What::Paid(number)));
        }
        for (number, cluster) in person.clusters.iter().enumerate() {
            add(cluster.created_at, What::Created(number));
            cluster.steps.iter().enumerate().for_each(|(step, (at, _))| add(*at, What::Step(number, step)));
            // Those of somebody who leaves are deleted with them.
            if let Some(at) = cluster.deleted_at.filter(|at| person.left_at != Some(*at)) {
                add(at, What::Deleted(number));
            }
        }
        if let Some(at) = person.left_at {
            add(at, What::Left);
        }
    }
    all.sort_unstable_by_key(|happening| (happening.at, happening.person, happening.what));
    all
}

impl Happening {
    /// The rows about it. `admin` is the id of whoever moves clusters from one status to the next; without one the server does.
    pub fn records(&self, people: &[Person], admin: Option<&str>) -> Records {
        let Some(person) = people.get(self.person) else { return Records::default() };
        let cluster = |number: usize| person.clusters.get(number);
        match self.what {
            What::Customer => {
                let id = person.billing.as_ref().map_or(0, |billing| billing.id);
                let detail = format!("{{\"userId\":\"{}\",\"plan\":\"FREE\"}}", person::id(person.number));
                self.by_user(person, "customer.create", ("customer", id), detail)
            }
            What::Paid(number) => self.paid(person, number),
            What::Created(number) => cluster(number).map_or_else(Records::default, |cluster| {
                let SampleCluster { id, name, location, plan, .. } = cluster;
                let plan = plan.as_str();
                let detail = format!("{{\"name\":\"{name}\",\"location\":\"{location}\",\"plan\":\"{plan}\"}}");
                let records = self.by_user(person, "k8s.create", ("cluster", *id), detail);
                records.with(self.event(person, cluster, EventKind::Created, Status::Pending))
            }),
            What::Step(number, step) => {
                cluster(number).map_or_else(Records::default, |cluster| self.step(person, cluster, step, admin))
            }
            What::Deleted(number) => cluster(number).map_or_else(Records::default, |cluster| {
                let detail = format!("{{\"owner\":\"{}\"}}", person::id(person.number));
                let records = self.by_user(person, "k8s.delete", ("cluster", cluster.id), detail);
                records.with(self.event(person, cluster, EventKind::Deleted, Status::Deleted))
            }),
            What::Left => {
                let deleted = person.clusters.iter().filter(|cluster| cluster.deleted_at == person.left_at);
                let ids: Vec<String> = deleted.clone().map(|cluster| cluster.id.to_string()).collect();
                let detail = format!("{{\"deletedClusters\":[{}],\"force\":null}}", ids.join(","));
                let mut records = self.by_user(person, "user.softDelete", ("user", 0), detail);
                if let Some(entry) = &mut records.entry {
                    entry.entity_id = person::id(person.number);
                }
                records.events =
                    deleted.map(|cluster| self.event(person, cluster, EventKind::Deleted, Status::Deleted)).collect();
                records
            }
        }
    }

    fn step(&self, person: &Person, cluster: &SampleCluster, step: usize, admin: Option<&str>) -> Records {
        let Some((_, to)) = cluster.steps.get(step) else { return Records::default() };
        let before = step.checked_sub(1).and_then(|before| cluster.steps.get(before));
        let from = before.map_or(Status::Pending, |(_, from)| *from);
        let detail = format!("{{\"from\":\"{}\",\"to\":\"{}\"}}", from.as_str(), to.as_str());
        let entry = NewAuditEntry {
            actor_id: admin.unwrap_or("server").to_owned(),
            door: if admin.is_some() { Door::Jsonrpc } else { Door::Server },
            ..self.entry(person, "k8s.setStatus", ("cluster", cluster.id), detail)
        };
        let events = vec![self.event(person, cluster, EventKind::StatusChanged, *to)];
        Records { entry: Some(entry), events }
    }

    /// Stripe says that a period is paid.
    fn paid(&self, person: &Person, number: usize) -> Records {
        let Some(billing) = &person.billing else { return Records::default() };
        let kind = if number == 0 { "customer.subscription.created" } else { "invoice.paid" };
        let (to, event) = (billing.plan.as_str(), event_id(person.number, kind, number));
        let from = if number == 0 { Plan::Free.as_str() } else { to };
        let detail = format!("{{\"event\":\"{event}\",\"type\":\"{kind}\",\"from\":\"{from}\",\"to\":\"{to}\"}}");
        let entry = NewAuditEntry {
            actor_id: "stripe".to_owned(),
            door: Door::Stripe,
            ..self.entry(person, "stripe.webhook", ("customer", billing.id), detail)
        };
        Records { entry: Some(entry), events: Vec::new() }
    }

    /// Something that a user did over the web, from an address of those that are for examples (RFC 5737 §3).
    fn by_user(
        &self,
        person: &Person,
        procedure: &'static str,
        entity: (&'static str, i64),
        detail: String,
    ) -> Records {
        let host = person.number % 254 + 1;
        let network = ["192.0.2", "198.51.100", "203.0.113"];
        let network = Dice::of(person.number, Topic::Person).pick(&network, "192.0.2");
        let entry = NewAuditEntry {
            client_address: Some(format!("{network}.{host}")),
            ..self.entry(person, procedure, entity, detail)
        };
        Records { entry: Some(entry), events: Vec::new() }
    }

    fn entry(
        &self,
        person: &Person,
        procedure: &'static str,
        (entity, id): (&'static str, i64),
        detail: String,
    ) -> NewAuditEntry {
        let mut dice = Dice::of(person.number, Topic::Request);
        let request = dice.next() ^ self.at.millis().unsigned_abs();
        NewAuditEntry {
            created_at: self.at,
            actor_id: person::id(person.number),
            procedure,
            entity,
            entity_id: id.to_string(),
            detail,
            request_id: format!("{:08x}-0000-4000-8000-{:012x}", person.number, request & 0xffff_ffff_ffff),
            client_address: None,
            token_id: None,
            door: Door::Trpc,
        }
    }

    /// The cluster as it was after this.
    fn event(&self, person: &Person, cluster: &SampleCluster, kind: EventKind, status: Status) -> NewClusterEvent {
        NewClusterEvent {
            created_at: self.at,
            kind,
            cluster_id: cluster.id,
            name: cluster.name.clone(),
            location: cluster.location.to_owned(),
            auth_user_id: Some(person::id(person.number)),
            plan: cluster.plan,
            network: "Default".to_owned(),
            status,
            cluster_created_at: cluster.created_at,
            cluster_updated_at: self.at,
            cluster_deleted_at: cluster.deleted_at.filter(|_| status == Status::Deleted),
        }
    }
}

impl Records {
    fn with(mut self, event: NewClusterEvent) -> Self {
        self.events.push(event);
        self
    }
}
