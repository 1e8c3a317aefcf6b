//! Attacks, and the limits that bound them.

mod logging;
mod standby;
mod subjects;
