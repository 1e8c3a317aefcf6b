//! The command line (docs/API.md, "Configuration"). Flags take precedence over environment variables, these over the files of
//! `CREDENTIALS_DIRECTORY`, and these over `clusterdesk.toml`. The doc comments of fields and variants are help texts.

mod console;
mod copies;
mod output;
mod retention;
mod sources;
mod trail;
mod unknown;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use clap_complete::Shell;

use clusterdesk::{
    config::{DataSettings, Secret, Settings, StripeSettings, WebhookRetention},
    import::OnConflict,
    models::api_token::Scope,
};

pub use self::console::ConsoleLink;
pub use self::copies::{Backup, Copy, Restore};
pub use self::output::{Effect, Output};
pub use self::retention::Purge;
use self::sources::{settings, with_credentials, with_file, without_empty_flags, without_empty_variables};
pub use self::trail::{Audit, Export};

/// The settings file, in the working directory.
const FILE: &str = "clusterdesk.toml";

/// Names the folder with the credentials that a service manager passes (systemd.exec(5), "CREDENTIALS").
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A typed RPC server for a business that sells Kubernetes clusters. Without a subcommand, it runs the server.
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
    Serve(Box<Settings>),
    /// Apply or revert migrations
    #[command(subcommand)]
    Migrate(Migrate),
    /// Create, list, revoke and rotate API tokens
    #[command(subcommand)]
    Token(Token),
    /// Print a link that signs a browser in to the explorer: it works once, for five minutes
    ConsoleLink(ConsoleLink),
    /// List users, and change their role
    #[command(subcommand)]
    User(User),
    /// List, replay and purge the events that Stripe has sent, and ask Stripe for those that were missed
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
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Import users, customers and clusters from the old server's database; exit with status 3 if rows break a rule
    Import(Import),
    /// Copy the SQLite database into a file, while servers use it
    Backup(Backup),
    /// Put a backup in the place of the SQLite database, and keep what it replaces; no server may be running on it
    Restore(Restore),
    /// Copy a whole database, SQLite or PostgreSQL, into an empty one, while servers use the first
    Copy(Copy),
    /// Verify the audit log, and export it
    #[command(subcommand)]
    Audit(Audit),
    /// Remove old data: deleted clusters and users, cluster events, processed Stripe events; with options, parts of the audit log
    Purge(Purge),
    /// Print the OpenRPC document of the procedures
    Openrpc {
        /// Print TypeScript types for JSON-RPC clients instead
        #[arg(long)]
        types: bool,
    },
    /// Print the TypeScript types for tRPC's client
    AppRouter {
        /// Major version of the client: 10 or 11
        #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u8).range(10..=11))]
        client: u8,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write manual pages, one for each command
    Man {
        /// The folder to write them to
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        #[command(flatten)]
        effect: Effect,
    },
    /// Check configuration, database, clock, file modes and keys; exit with status 1 if there is a problem
    Doctor {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        settings: Box<Settings>,
    },
}

/// `clusterdesk import`
#[derive(Debug, Args)]
pub struct Import {
    /// The old server's database: postgres://…, as Prisma writes it
    #[arg(long, env = "OLD_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub from: Secret,
    /// What to do if rows break a rule: import nothing, leave these rows out, or repair them
    #[arg(long, default_value = "abort", value_parser = conflict_parser())]
    pub on_conflict: OnConflict,
    /// Write nothing, and report what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub data: DataSettings,
}

fn conflict_parser() -> impl TypedValueParser<Value = OnConflict> {
    PossibleValuesParser::new(OnConflict::ALL.map(OnConflict::as_str)).try_map(|text| text.parse::<OnConflict>())
}

/// `clusterdesk migrate …`
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Apply pending migrations, all of them unless -n is given
    Up {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revert migrations, newest first; only one unless -n or --all is given
    Down {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revert migrations and apply them again; only one unless -n or --all is given
    Redo {
        #[command(flatten)]
        steps: Steps,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// List the migrations and which of them are applied
    Status {
        #[command(flatten)]
        output: Output,
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
        /// What the token may be used for: read, write, service or admin
        #[arg(long, default_value = "admin")]
        scope: Scope,
        /// Days until the token expires [default: never]
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
        expires_in_days: Option<u32>,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// List tokens
    List {
        /// Id of a user, to list only their tokens
        #[arg(long)]
        user: Option<String>,
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revoke a token immediately
    Revoke {
        /// Id of the token, as in `token list`
        id: i64,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Revoke a token and print a new one with the same user, name, scope and expiry
    Rotate {
        /// Id of the token, as in `token list`
        id: i64,
        #[command(flatten)]
        effect: Effect,
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
        output: Output,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Process events again
    Replay {
        /// Ids of events (evt_…) [default: all that could not be processed]
        ids: Vec<String>,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        stripe: Box<StripeSettings>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Ask Stripe for missed events of the last 30 days and for the state of every known subscription, and apply them
    Reconcile {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
        /// Change nothing, and print what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        stripe: Box<StripeSettings>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// List stored Stripe customers that do not exist at Stripe: deleted, or created in the other mode (test or live)
    Customers {
        /// Remove their ids from the database, so that a new Stripe customer is created with the next purchase
        #[arg(long)]
        mend: bool,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        stripe: Box<StripeSettings>,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Remove events that were processed longer ago than they are kept
    Purge {
        #[command(flatten)]
        kept: WebhookRetention,
        #[command(flatten)]
        effect: Effect,
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
        output: Output,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Make a user an admin
    Promote {
        /// Id of the user
        id: String,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
    /// Make an admin an ordinary user
    Demote {
        /// Id of the user
        id: String,
        #[command(flatten)]
        effect: Effect,
        #[command(flatten)]
        data: DataSettings,
    },
}

/// What was parsed.
pub struct Parsed {
    /// The command and its settings.
    pub cli: Cli,
    /// Variables of the environment that are no settings but look like one, each with the setting that may be meant.
    pub unknown: Vec<String>,
}

/// Parses flags, environment variables, credentials and `clusterdesk.toml`. `--help` and invalid flags end the process.
///
/// # Errors
/// `clusterdesk.toml` or a credential can't be read, or contains an unknown setting.
pub fn parse() -> Result<Parsed> {
    let command = match std::fs::read_to_string(Path::new(FILE)) {
        Ok(text) => with_file(Cli::command(), &text).context(FILE)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Cli::command(),
        Err(error) => return Err(error).context(FILE),
    };
    let command = match std::env::var_os(CREDENTIALS).filter(|folder| !folder.is_empty()) {
        Some(folder) => with_credentials(command, Path::new(&folder)).context(CREDENTIALS)?,
        None => command,
    };
    let known: Vec<&str> = settings(&command).filter_map(|setting| setting.get_env()?.to_str()).collect();
    let (unknown, arguments) = (unknown::variables(&known), without_empty_flags(&command, std::env::args_os()));
    let matches = without_empty_variables(command).get_matches_from(arguments);
    Ok(Parsed { cli: Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()), unknown })
}
