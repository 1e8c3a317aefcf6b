//! One file per table: row types, scopes that select rows, and the operations that must be one statement or one
//! transaction. Besides, files for what is done for many rows at once, for lists, and for counters; `old` has
//! the tables of the old server.

pub mod any_user;
pub mod api_token;
pub mod audit;
pub mod audit_address;
pub mod audit_event;
pub mod audit_seal;
pub mod bulk;
pub mod cluster_event;
pub mod cluster_series;
pub mod customer;
pub mod deleted_user;
pub mod event_log;
pub mod gone_stripe_customer;
pub mod k8s;
pub mod k8s_list;
pub mod k8s_sets;
pub mod old;
pub mod page;
pub mod payment;
pub mod plan;
pub mod presence;
pub mod sample;
pub mod scheduled_job;
pub mod series;
pub mod session;
pub mod sign_in_link;
pub mod stats;
pub mod stored_answer;
pub mod stripe_event;
pub mod stripe_subscription;
pub mod used_sign_in;
pub mod user;
pub mod user_list;
pub mod user_profile;
pub mod user_sets;
