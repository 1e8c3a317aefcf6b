//! Checks of what a server needs, for `clusterdesk doctor` and for the server itself.

mod finding;
mod parts;
mod surroundings;

pub use self::{
    finding::{Finding, Problem, problem},
    parts::{backups, billing, clock, keys, language, migrations, private},
    surroundings::{ADMIN_TOKEN, NewestBackup, Surroundings},
};
