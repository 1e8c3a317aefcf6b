//! Requests of callers without an account that would cost far more than they do. The tests show the bounds by bytes and
//! counts. docs/OPERATIONS.md, "Limits", lists them.

mod api_tokens;
mod ids;
mod logging;
mod pings;
mod signatures;
mod socket_methods;
mod standby;
mod subjects;
mod superjson;
mod unreadable;
mod watches;
