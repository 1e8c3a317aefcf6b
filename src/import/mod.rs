//! The import of an old server's database. The files `rule_….rs` say, as pure functions, what is wrong with an old row and
//! what becomes of it; `run.rs` reads the old rows user by user, looks up what is there already, asks the rules, and writes.

mod fault;
mod judge;
mod known;
mod report;
mod row_counts;
mod rule_cluster;
mod rule_customer;
mod rule_event;
mod rule_user;
mod run;

pub use self::{
    report::{OnConflict, Report},
    run::{ImportOptions, Target, run},
};
