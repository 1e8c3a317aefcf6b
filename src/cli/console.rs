//! `clusterdesk console-link`.

use clap::Args;
use clusterdesk::config::{BindAddr, DataSettings};

use super::output::Effect;

/// `clusterdesk console-link`
#[derive(Debug, Args)]
pub struct ConsoleLink {
    /// Id of the user to sign in [default: the oldest admin]
    #[arg(long)]
    pub user: Option<String>,
    /// URL of the server, as the browser has it, such as https://api.example.com [default: that of BIND_ADDR]
    #[arg(long)]
    pub url: Option<String>,
    /// Address that the server listens on
    #[arg(long, env = "BIND_ADDR", default_value = "127.0.0.1:8080")]
    pub bind_addr: BindAddr,
    #[command(flatten)]
    pub effect: Effect,
    #[command(flatten)]
    pub data: DataSettings,
}
