//! How commands report what they found or did.

use clap::Args;

/// Of a command that only reads.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Of a command that writes.
#[derive(Clone, Copy, Debug, Args)]
pub struct Effect {
    /// Change nothing, and print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
