//! Errors as clients see them, on every wire.

mod code;
mod failure;
mod issue;
mod wire;

pub use self::{
    code::Code,
    failure::{Error, Result},
    issue::Issue,
    wire::{ErrorData, ErrorObject, milliseconds},
};
