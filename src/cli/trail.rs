//! The options of `clusterdesk audit …`.

use std::path::PathBuf;

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clusterdesk::{config::DataSettings, trail::Format};

use super::output::Effect;

/// `clusterdesk audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that no entry of the audit log was changed or removed; exit with status 3 if one was
    Verify {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Write the audit log to a file, oldest entry first
    Export(Export),
}

/// `clusterdesk audit export`
#[derive(Debug, Args)]
pub struct Export {
    /// The file; - for standard output
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// How entries are written
    #[arg(long, default_value = "ndjson", value_parser = format_parser())]
    pub format: Format,
    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub effect: Effect,
    #[command(flatten)]
    pub data: DataSettings,
}

pub(super) fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str)).try_map(|text| text.parse::<Format>())
}
