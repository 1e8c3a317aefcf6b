//! Requests of callers without an account that would cost far more than they do. The tests show the bounds by bytes and
//! counts. docs/OPERATIONS.md, "Limits", lists them.

mod hung_postgres;
mod ids;
mod logging;
mod pings;
mod replicas;
mod signatures;
mod socket_methods;
mod sqlite_files;
mod standby;
mod subjects;
mod superjson;
