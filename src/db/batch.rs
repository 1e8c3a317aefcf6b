//! What the jobs of a group share: rows that one statement loads for all of them, and steps that one statement takes for
//! all of them.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    marker::PhantomData,
    mem,
};

use anyhow::anyhow;
use diesel::QueryResult;

use super::{connection::DbConnection, instrument};
use crate::{
    error::{Error, Result},
    traces::Trace,
};

/// A statement that loads rows for many keys.
pub trait Loader: 'static {
    /// What belongs to one key.
    type Rows: Clone + Send;

    /// Loads the rows of those keys that have any.
    ///
    /// # Errors
    /// The database's.
    fn load(connection: &mut DbConnection, keys: &[&str]) -> QueryResult<HashMap<String, Self::Rows>>;
}

/// A statement that takes a step, such as inserting a row, for many jobs.
pub trait Step: 'static {
    /// What one job wants.
    type Wish: Send;
    /// What comes of it.
    type Outcome: Send;

    /// Fulfils the wishes. The outcomes are in the same order.
    ///
    /// # Errors
    /// The database's.
    fn take(connection: &mut DbConnection, wishes: &[Self::Wish]) -> QueryResult<Vec<Self::Outcome>>;
}

/// How a query reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// By itself, in its turn.
    #[default]
    Single,
    /// Few rows by key, so that it is worth while to wait for others like it.
    Short,
    /// By filters that its caller chooses, perhaps many rows: on threads of its own, and planned for the values.
    Browsing,
}

/// What a job has in common with others of its group.
#[derive(Default)]
pub struct Company {
    /// The row that it locks. A job with a lock may write together with others, and writes in the steps of a batch only, so
    /// that nothing of it is written when it is refused. One without writes alone.
    pub lock: Option<Box<dyn Need>>,
    /// The rows that it will ask for.
    pub needs: Vec<Box<dyn Need>>,
    /// How it reads.
    pub reading: Reading,
    /// The call for which it works, if that is traced.
    pub trace: Option<Trace>,
}

impl Company {
    /// A job that has nothing in common with others.
    pub fn none(trace: Option<Trace>) -> Self {
        Self { trace, ..Self::default() }
    }
}

/// How far a job came.
pub enum Progress<T> {
    /// It has its result.
    Done(T),
    /// It waits for steps, after which this is the rest of its work.
    Waits(Rest<T>),
}

/// The rest of a job's work.
pub type Rest<T> = Box<dyn FnOnce(&mut DbConnection, &mut Batch) -> Result<Progress<T>> + Send>;

/// What a group has loaded, and the steps that it has yet to take. A job that runs alone has a batch of its own, for which
/// nothing is loaded beforehand, and which takes each step at once.
#[derive(Default)]
pub struct Batch {
    is_group: bool,
    loaded: HashMap<TypeId, Box<dyn Any>>,
    /// In the order in which their first steps were queued.
    queues: Vec<(TypeId, Box<dyn Queue>)>,
}

/// Rows that a job will ask for.
pub trait Need: Send + Sync {
    /// The loader.
    fn loader(&self) -> TypeId;
    /// The key of the rows.
    fn key(&self) -> &str;
    /// Loads the rows of many keys.
    ///
    /// # Errors
    /// The database's.
    fn load(&self, connection: &mut DbConnection, keys: &[&str]) -> QueryResult<Box<dyn Any>>;
    /// Whether a batch has rows for the key.
    fn is_met(&self, batch: &Batch) -> bool;
}

/// Makes the need for the rows of a key.
pub type NeedOf = fn(&str) -> Box<dyn Need>;

/// The need for the rows of one key.
struct Needed<L> {
    key: String,
    loader: PhantomData<fn() -> L>,
}

/// By key; None for a key without rows.
type Found<L> = HashMap<String, Option<<L as Loader>::Rows>>;

/// The steps of one kind.
trait Queue: Any {
    fn take(&mut self, connection: &mut DbConnection) -> QueryResult<()>;
}

/// The wishes that wait, and the outcomes of all that were ever queued.
struct Steps<S: Step> {
    wishes: Vec<S::Wish>,
    outcomes: Vec<Option<S::Outcome>>,
}

/// The place of a wish in its queue.
#[derive(Clone, Copy, Debug)]
pub struct Ticket(usize);

/// Work that shares nothing with other jobs.
pub fn plain<T>(
    mut work: impl FnMut(&mut DbConnection) -> Result<T>,
) -> impl FnMut(&mut DbConnection, &mut Batch) -> Result<Progress<T>> {
    move |connection, _batch| work(connection).map(Progress::Done)
}

/// The need for the rows of a key.
pub fn need<L: Loader>(key: &str) -> Box<dyn Need> {
    Box::new(Needed::<L> { key: key.to_owned(), loader: PhantomData })
}

impl Batch {
    /// The rows of a key, loaded with those of the group or, if they were not, now.
    ///
    /// # Errors
    /// The database's.
    pub fn get<L: Loader>(&self, connection: &mut DbConnection, key: &str) -> QueryResult<Option<L::Rows>> {
        match self.found::<L>(key) {
            Some(rows) => {
                instrument::shared();
                Ok(rows.clone())
            }
            None => Ok(L::load(connection, &[key])?.remove(key)),
        }
    }

    /// Puts a step in its queue or, for a job that runs alone, takes it.
    ///
    /// # Errors
    /// The database's.
    pub fn queue<S: Step>(&mut self, connection: &mut DbConnection, wish: S::Wish) -> Result<Ticket> {
        let is_group = self.is_group;
        let steps = self.steps::<S>()?;
        let ticket = Ticket(steps.outcomes.len());
        steps.wishes.push(wish);
        steps.outcomes.push(None);
        if is_group {
            instrument::shared();
        } else {
            steps.take(connection)?;
        }
        Ok(ticket)
    }

    /// The outcome of a step that was taken.
    ///
    /// # Errors
    /// INTERNAL_SERVER_ERROR before it was taken, and the second time.
    pub fn outcome<S: Step>(&mut self, Ticket(place): Ticket) -> Result<S::Outcome> {
        let outcome = self.steps::<S>()?.outcomes.get_mut(place).and_then(Option::take);
        outcome.ok_or_else(|| Error::Internal(anyhow!("a step has no outcome")))
    }

    /// Whether steps wait for those of other jobs.
    pub fn is_group(&self) -> bool {
        self.is_group
    }

    /// The batch of a group.
    pub(super) fn of_group() -> Self {
        Self { is_group: true, ..Self::default() }
    }

    /// Loads what jobs need, with one statement for each loader. Each asks for its keys in their order, so that two groups
    /// lock rows in the same order.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn load<'n>(
        &mut self,
        connection: &mut DbConnection,
        needs: impl Iterator<Item = &'n dyn Need>,
    ) -> QueryResult<()> {
        let mut left: Vec<_> = needs.collect();
        while let Some(first) = left.first().copied() {
            let (same, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|need| need.loader() == first.loader());
            let mut keys: Vec<_> = same.iter().map(|need| need.key()).collect();
            keys.sort_unstable();
            keys.dedup();
            self.loaded.insert(first.loader(), first.load(connection, &keys)?);
            left = others;
        }
        Ok(())
    }

    /// Takes the steps that wait, kind by kind.
    ///
    /// # Errors
    /// The database's.
    pub(super) fn take_steps(&mut self, connection: &mut DbConnection) -> QueryResult<()> {
        self.queues.iter_mut().try_for_each(|(_, queue)| queue.take(connection))
    }

    fn found<L: Loader>(&self, key: &str) -> Option<&Option<L::Rows>> {
        self.loaded.get(&TypeId::of::<L>())?.downcast_ref::<Found<L>>()?.get(key)
    }

    fn steps<S: Step>(&mut self) -> Result<&mut Steps<S>> {
        let kind = TypeId::of::<S>();
        if self.queues.iter().all(|(other, _)| *other != kind) {
            self.queues.push((kind, Box::new(Steps::<S> { wishes: Vec::new(), outcomes: Vec::new() })));
        }
        let queue = self.queues.iter_mut().find(|(other, _)| *other == kind);
        let steps = queue.and_then(|(_, queue)| {
            let queue: &mut dyn Any = queue.as_mut();
            queue.downcast_mut()
        });
        steps.ok_or_else(|| Error::Internal(anyhow!("a step has no queue")))
    }
}

impl<L: Loader> Need for Needed<L> {
    fn loader(&self) -> TypeId {
        TypeId::of::<L>()
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn load(&self, connection: &mut DbConnection, keys: &[&str]) -> QueryResult<Box<dyn Any>> {
        let mut rows = L::load(connection, keys)?;
        let found: Found<L> = keys.iter().map(|key| ((*key).to_owned(), rows.remove(*key))).collect();
        Ok(Box::new(found))
    }

    fn is_met(&self, batch: &Batch) -> bool {
        batch.found::<L>(&self.key).is_some_and(Option::is_some)
    }
}

impl<S: Step> Queue for Steps<S> {
    fn take(&mut self, connection: &mut DbConnection) -> QueryResult<()> {
        let wishes = mem::take(&mut self.wishes);
        if wishes.is_empty() {
            return Ok(());
        }
        let outcomes = S::take(connection, &wishes)?;
        let taken = self.outcomes.len().saturating_sub(wishes.len());
        self.outcomes.iter_mut().skip(taken).zip(outcomes).for_each(|(place, outcome)| *place = Some(outcome));
        Ok(())
    }
}
