//! The subcommands, one file each. `dispatch` runs the one that the command line names.

mod audit;
mod backup;
mod bootstrap;
mod completions;
mod console_link;
mod copy;
mod data;
mod dispatch;
mod doctor;
mod document;
mod import;
mod migrate;
mod patience;
mod place;
mod progress;
mod purge;
mod reconcile;
mod report;
mod restore;
mod seed;
mod serve;
mod stripe_customers;
mod supervisor;
mod token;
mod token_file;
mod trail;
mod user;
mod webhooks;

pub use self::dispatch::run;
