//! The subcommands, one file each. `dispatch` runs the one that the command line names.

mod audit;
mod bootstrap;
mod data;
mod dispatch;
mod doctor;
mod document;
mod migrate;
mod seed;
mod serve;
mod token;
mod user;
mod webhooks;

pub use self::dispatch::run;
