//! The command line (contract §6). Flags win over environment over `clusterdesk.toml`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Args, Command as Clap, CommandFactory, FromArgMatches, Parser, Subcommand};

use clusterdesk::{
    config::{DataSettings, Settings, StripeSettings},
    models::api_token::Scope,
};

/// Settings that rank below flags and environment, in the working directory.
const FILE: &str = "clusterdesk.toml";

/// A typed RPC server that sells Kubernetes clusters. Without a subcommand it serves.
#[derive(Debug, Parser)]
#[command(name = "clusterdesk", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve: migrate the database, create the first admin if there is none, and answer calls
    Serve(Settings),
    /// Apply or revert migrations
    #[command(subcommand)]
    Migrate(Migrate),
    /// Create, list and revoke API tokens
    #[command(subcommand)]
    Token(Token),
    /// List users, and make them admins or not
    #[command(subcommand)]
    User(User),
    /// List, replay and purge what Stripe has told us
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Fill an empty database with sample data
    Seed {
        /// Users to create, each with a cluster; every third is a customer
        #[arg(long, default_value_t = 20)]
        users: u32,
        /// Also when the database is not empty
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Print the OpenRPC document of the procedures
    Openrpc {
        /// Print TypeScript types of a JSON-RPC client instead
        #[arg(long)]
        types: bool,
    },
    /// Print the TypeScript types of tRPC's client
    AppRouter,
    /// Check configuration, database, clock, file modes and keys; exits with 1 if something is wrong
    Doctor(Settings),
}

#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply pending migrations: all of them unless -n says how many
    Up {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revert migrations, newest first: one unless -n or --all says otherwise
    Down {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revert and apply again: one migration unless -n or --all says otherwise
    Redo {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        data: DataSettings,
    },
    /// List the migrations and which of them are applied
    Status {
        #[command(flatten)]
        data: DataSettings,
    },
}

#[derive(Debug, Args)]
pub struct Steps {
    /// All of them
    #[arg(long, conflicts_with = "number")]
    pub all: bool,
    /// How many
    #[arg(short = 'n', value_name = "N")]
    pub number: Option<usize>,
}

impl Steps {
    pub fn limit(&self, default: usize) -> usize {
        if self.all { usize::MAX } else { self.number.unwrap_or(default) }
    }
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Create a token and print it; it can't be shown again
    Create {
        /// Whose token [default: the oldest admin's]
        #[arg(long)]
        user: Option<String>,
        /// What it is for
        #[arg(long, default_value = "command line")]
        name: String,
        /// What it may be used for: read, write or admin
        #[arg(long, default_value = "admin")]
        scope: Scope,
        /// Days until it expires [default: never]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// List tokens
    List {
        /// Whose tokens [default: everybody's]
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revoke a token, at once
    Revoke {
        /// The number that `token list` shows
        id: i64,
        #[command(flatten)]
        data: DataSettings,
    },
}

#[derive(Debug, Subcommand)]
pub enum Webhooks {
    /// List the events that Stripe has sent, newest first
    List {
        /// Only those that wait for another try
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Try again to handle events
    Replay {
        /// Stripe's ids of the events [default: all that failed]
        ids: Vec<String>,
        #[command(flatten)]
        stripe: Box<StripeSettings>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Remove the events that were handled more than 90 days ago
    Purge {
        #[command(flatten)]
        data: DataSettings,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// List users, newest first
    List {
        /// Part of an id, name or email, in any case
        #[arg(long)]
        search: Option<String>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Make a user an admin
    Promote {
        id: String,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Make an admin an ordinary user
    Demote {
        id: String,
        #[command(flatten)]
        data: DataSettings,
    },
}

/// Reads flags, environment and `clusterdesk.toml`. Asking for help, and mistakes in flags, end the process here.
///
/// # Errors
/// When `clusterdesk.toml` can't be read, or holds what is no setting.
pub fn parse() -> Result<Cli> {
    let command = match std::fs::read_to_string(Path::new(FILE)) {
        Ok(text) => with_file(Cli::command(), &text).context(FILE)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Cli::command(),
        Err(error) => return Err(error).context(FILE),
    };
    Ok(Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit()))
}

/// Makes the file's settings the defaults of the flags of the same names.
fn with_file(command: Clap, text: &str) -> Result<Clap> {
    let table: toml::Table = text.parse()?;
    let mut settings = Vec::new();
    for (key, value) in table {
        if !command.get_arguments().any(|argument| argument.get_id() == key.as_str()) {
            bail!("{key} is no setting; `clusterdesk serve --help` lists them by their flags, here with _ for -");
        }
        let values = match value {
            toml::Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<String>>>(),
            one => plain(&one).map(|text| vec![text]),
        };
        settings.push((key.clone(), values.with_context(|| format!("{key} must be a string, a number or a list"))?));
    }
    Ok(with_defaults(command, &settings))
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn with_defaults(mut command: Clap, settings: &[(String, Vec<String>)]) -> Clap {
    for (key, values) in settings {
        if command.get_arguments().any(|argument| argument.get_id() == key.as_str()) {
            // Read once at start; clap keeps defaults for as long as the process.
            let values: Vec<&'static str> = values.iter().map(|value| &*value.clone().leak()).collect();
            command = command.mut_arg(key, |argument| argument.default_values(values).hide_default_value(true));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| with_defaults(sub, settings)))
}
