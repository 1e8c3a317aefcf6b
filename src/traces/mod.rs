//! Traces: a span for each sampled call, with spans for its waits and its SQL statements, for an OpenTelemetry collector.
//! Without a collector there is no tracer, and no call has a `Trace`.

mod collector;
mod current;
mod queue;
mod trace;

pub use self::{
    collector::check,
    current::{statement, within},
    trace::{Parent, Trace, Traces},
};
