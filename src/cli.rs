//! The command line (docs/API.md, "Configuration"). Flags take precedence over environment variables, and these over
//! `clusterdesk.toml`. The doc comments of fields and variants are help texts.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Args, Command as Clap, CommandFactory, FromArgMatches, Parser, Subcommand};

use clusterdesk::{
    config::{DataSettings, Settings, StripeSettings},
    models::api_token::Scope,
};

/// The settings file, in the working directory.
const FILE: &str = "clusterdesk.toml";

/// A typed RPC server that sells Kubernetes clusters. Without a subcommand it runs the server.
#[derive(Debug, Parser)]
#[command(name = "clusterdesk", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub settings: Settings,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server: migrate the database, create the first admin if there is none, and answer calls
    Serve(Settings),
    /// Apply or revert migrations
    #[command(subcommand)]
    Migrate(Migrate),
    /// Create, list and revoke API tokens
    #[command(subcommand)]
    Token(Token),
    /// List users, and change their role
    #[command(subcommand)]
    User(User),
    /// List, replay and purge the events that Stripe has sent
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Fill an empty database with sample data
    Seed {
        /// Users to create, each with a cluster; every third is a customer
        #[arg(long, default_value_t = 20)]
        users: u32,
        /// Add the data even if the database is not empty
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Print the OpenRPC document of the procedures
    Openrpc {
        /// Print TypeScript types for JSON-RPC clients instead
        #[arg(long)]
        types: bool,
    },
    /// Print the TypeScript types for tRPC's client
    AppRouter,
    /// Check configuration, database, clock, file modes and keys; exit with status 1 if there is a problem
    Doctor(Settings),
}

/// `clusterdesk migrate …`
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply pending migrations, all of them unless -n is given
    Up {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revert migrations, newest first; only one unless -n or --all is given
    Down {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revert migrations and apply them again; only one unless -n or --all is given
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

/// How many migrations to apply or revert.
#[derive(Debug, Args)]
pub struct Steps {
    /// All migrations
    #[arg(long, conflicts_with = "number")]
    pub all: bool,
    /// Number of migrations
    #[arg(short = 'n', value_name = "N")]
    pub number: Option<usize>,
}

impl Steps {
    /// The number of steps; `default` without an option.
    pub fn limit(&self, default: usize) -> usize {
        if self.all { usize::MAX } else { self.number.unwrap_or(default) }
    }
}

/// `clusterdesk token …`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Create a token and print it; it can't be printed again later
    Create {
        /// Id of the token's user [default: the oldest admin]
        #[arg(long)]
        user: Option<String>,
        /// Purpose of the token
        #[arg(long, default_value = "command line")]
        name: String,
        /// What the token may be used for: read, write or admin
        #[arg(long, default_value = "admin")]
        scope: Scope,
        /// Days until the token expires [default: never]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// List tokens
    List {
        /// Id of a user, to list only their tokens
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revoke a token immediately
    Revoke {
        /// Id of the token, as in `token list`
        id: i64,
        #[command(flatten)]
        data: DataSettings,
    },
}

/// `clusterdesk webhooks …`
#[derive(Debug, Subcommand)]
pub enum Webhooks {
    /// List the events that Stripe has sent, newest first
    List {
        /// Only events that could not be processed
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Process events again
    Replay {
        /// Ids of events (evt_…) [default: all that could not be processed]
        ids: Vec<String>,
        #[command(flatten)]
        stripe: Box<StripeSettings>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Remove events that were processed more than 90 days ago
    Purge {
        #[command(flatten)]
        data: DataSettings,
    },
}

/// `clusterdesk user …`
#[derive(Debug, Subcommand)]
pub enum User {
    /// List users, newest first
    List {
        /// Text that the id, name or email contains; letter case is ignored
        #[arg(long)]
        search: Option<String>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Make a user an admin
    Promote {
        /// Id of the user
        id: String,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Make an admin an ordinary user
    Demote {
        /// Id of the user
        id: String,
        #[command(flatten)]
        data: DataSettings,
    },
}

/// Parses flags, environment variables and `clusterdesk.toml`. `--help` and invalid flags end the process.
///
/// # Errors
/// `clusterdesk.toml` can't be read, or contains an unknown setting.
pub fn parse() -> Result<Cli> {
    let command = match std::fs::read_to_string(Path::new(FILE)) {
        Ok(text) => with_file(Cli::command(), &text).context(FILE)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Cli::command(),
        Err(error) => return Err(error).context(FILE),
    };
    Ok(Cli::from_arg_matches(&without_empty(command).get_matches()).unwrap_or_else(|error| error.exit()))
}

/// An environment variable that is empty is not set.
fn without_empty(command: Clap) -> Clap {
    let command = command.mut_args(|argument| {
        let value = argument.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) { argument.env(None::<&'static str>) } else { argument }
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_empty))
}

/// Makes the settings of the file the defaults of the flags with the same names.
fn with_file(command: Clap, text: &str) -> Result<Clap> {
    let table: toml::Table = text.parse()?;
    let mut settings = Vec::new();
    for (key, value) in table {
        if !command.get_arguments().any(|argument| argument.get_id() == key.as_str()) {
            bail!("{key} is not a setting; `clusterdesk serve --help` lists them as flags, here with _ instead of -");
        }
        let values = match value {
            toml::Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<String>>>(),
            one => plain(&one).map(|text| vec![text]),
        };
        let values = values.with_context(|| format!("{key} must be a string, a number or a list"))?;
        if values != [""] {
            settings.push((key, values));
        }
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
            // clap requires defaults that live as long as the process; this runs once.
            let values: Vec<&'static str> = values.iter().map(|value| &*value.clone().leak()).collect();
            command = command.mut_arg(key, |argument| argument.default_values(values).hide_default_value(true));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| with_defaults(sub, settings)))
}
