//! The options of `clusterdesk purge`.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clusterdesk::{
    config::{Age, DataSettings},
    retention::Kind,
    trail::Format,
};

use super::trail::format_parser;

/// `clusterdesk purge`
#[derive(Debug, Args)]
pub struct Purge {
    /// Remove what is older than this number of days, such as 90d
    #[arg(long, value_name = "AGE", required_unless_present = "audit_older_than")]
    pub older_than: Option<Age>,
    /// What to remove, comma separated [default: all but addresses]
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind_parser())]
    pub only: Vec<Kind>,
    /// Remove what is older than this number of days from the audit log, after it was written to a file
    #[arg(long, value_name = "AGE", requires = "audit_to")]
    pub audit_older_than: Option<Age>,
    /// A new file for the entries that are removed from the audit log
    #[arg(long, value_name = "FILE", requires = "audit_older_than")]
    pub audit_to: Option<PathBuf>,
    /// How these entries are written
    #[arg(long, default_value = "ndjson", value_parser = format_parser())]
    pub audit_format: Format,
    /// Remove nothing, and report what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataSettings,
}

fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).try_map(|text| text.parse::<Kind>())
}
