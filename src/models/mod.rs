//! One file per table: row types, scopes that select rows, and the operations that must be one statement or one
//! transaction. Besides, files for what is done for many rows at once, for lists, and for counters.

pub mod api_token;
pub mod audit;
pub mod audit_event;
pub mod cluster_event;
pub mod customer;
pub mod event_log;
pub mod k8s;
pub mod k8s_list;
pub mod k8s_sets;
pub mod page;
pub mod plan;
pub mod sample;
pub mod stats;
pub mod stripe_event;
pub mod stripe_subscription;
pub mod user;
pub mod user_profile;
pub mod user_sets;
