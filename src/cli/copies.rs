//! The arguments of the commands that copy whole databases.

use std::path::PathBuf;

use clap::Args;
use clusterdesk::config::{DataSettings, Secret};

/// `clusterdesk backup`
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    pub force: bool,
    /// Write nothing, and print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataSettings,
}

/// `clusterdesk restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup
    #[arg(long, value_name = "PATH")]
    pub from: PathBuf,
    /// Change nothing, check the backup, and print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataSettings,
}

/// `clusterdesk copy`
#[derive(Debug, Args)]
pub struct Copy {
    /// The database to copy: sqlite:PATH or postgres://…
    #[arg(long, env = "COPY_FROM_URL", hide_env_values = true, value_name = "URL")]
    pub from: Secret,
    /// The database to copy to, which must be empty; a SQLite file must not exist
    #[arg(long, env = "COPY_TO_URL", hide_env_values = true, value_name = "URL")]
    pub to: Secret,
    /// Write nothing, and print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
