//! The functions whose statements are planned.

use clusterdesk::db::{DbConnection, Purpose};

use super::{Planned, plans_on};
use crate::support::{Backend, big};

/// A function to run.
pub struct Case {
    pub work: Box<dyn Fn(&mut DbConnection)>,
    /// The indexes that may serve its statements.
    pub indexes: Vec<&'static str>,
    /// For which kind of connection its statements are made.
    purpose: Purpose,
}

impl Case {
    /// The query plans of its statements on the big database.
    pub fn plans(self, backend: Backend) -> Vec<Planned> {
        // A connection to SQLite that only reads has the same plans.
        let purpose = if backend == Backend::Sqlite { Purpose::Write } else { self.purpose };
        plans_on(&mut big(backend).connect_to(purpose), self.work)
    }
}

pub fn case(work: impl Fn(&mut DbConnection) + 'static, indexes: &[&'static str]) -> Case {
    Case { work: Box::new(work), indexes: indexes.to_vec(), purpose: Purpose::Write }
}

/// A function of a procedure that browses.
pub fn browsing(work: impl Fn(&mut DbConnection) + 'static, indexes: &[&'static str]) -> Case {
    Case { purpose: Purpose::Browse, ..case(work, indexes) }
}
