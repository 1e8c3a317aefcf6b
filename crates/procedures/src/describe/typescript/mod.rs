//! TypeScript types of all procedures: for tRPC's client and for JSON-RPC clients.

pub mod app_router;
mod printer;
pub mod procedures;
pub mod trpc_version;
