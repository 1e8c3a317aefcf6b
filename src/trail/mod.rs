//! The audit log as a whole: a chain of hashes that shows whether entries were changed or removed, and its export.

mod chain;
mod export;
mod new_file;
mod seal;
mod verify;

pub use self::{
    chain::link,
    export::{Exported, Format, export, export_to},
    new_file::NewFile,
    seal::{Sealed, is_due, seal, seal_all},
    verify::{Fault, PURGE, Verdict, verify},
};
