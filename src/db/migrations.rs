//! The embedded migrations: the same versions and names for both databases, each of them reversible.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use diesel::{
    migration::{Migration, MigrationSource, MigrationVersion},
    prelude::*,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    connection::{DbConnection, MultiBackend, Purpose},
    dialect, locks,
    manager::Manager,
    transaction,
    url::DatabaseUrl,
};
use crate::error::Error;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

type Step = Box<dyn Migration<MultiBackend>>;

diesel::table! {
    /// Where Diesel records the applied migrations.
    __diesel_schema_migrations (version) {
        /// The version of a migration.
        version -> Text,
    }
}

/// The name of that table.
const TABLE: &str = "__diesel_schema_migrations";

/// Whether exactly the migrations of this binary are applied.
///
/// # Errors
/// When the database cannot be read.
pub fn is_current(connection: &mut DbConnection) -> QueryResult<bool> {
    use __diesel_schema_migrations::{table, version};
    if !dialect::has_table(connection, TABLE)? {
        return Ok(false);
    }
    let applied: Vec<String> = table.select(version).order(version).load(connection)?;
    // Both databases have the same versions.
    let mut known: Vec<String> =
        steps(&SQLITE).iter().flatten().map(|step| step.name().version().to_string()).collect();
    known.sort();
    Ok(applied == known)
}

fn steps(source: &EmbeddedMigrations) -> Result<Vec<Step>> {
    let mut steps = MigrationSource::<MultiBackend>::migrations(source).map_err(anyhow::Error::from_boxed)?;
    steps.sort_by_key(|step| step.name().version().as_owned());
    Ok(steps)
}

/// The names of all migrations of this binary, oldest first.
///
/// # Errors
/// The embedded migrations can't be read.
pub fn names() -> Result<Vec<String>> {
    Ok(steps(&SQLITE)?.iter().map(|step| step.name().to_string()).collect())
}

/// One migration and whether it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `<version>_<name>`
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// How far a database is migrated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The newest migration that is applied.
    pub newest: String,
    /// Migrations of this binary that are not.
    pub pending: usize,
    /// The newest one that this binary does not know: the database is of a newer version.
    pub unknown: Option<String>,
}

/// How far a database is migrated. None if it is not clusterdesk's.
///
/// # Errors
/// When the database cannot be read.
pub fn level(connection: &mut DbConnection) -> Result<Option<Level>> {
    let (applied, steps) = (applied(connection)?, steps(&SQLITE)?);
    let Some(newest) = applied.iter().max() else { return Ok(None) };
    // Others use Diesel too.
    if steps.first().is_some_and(|first| !applied.contains(&first.name().version().as_owned())) {
        return Ok(None);
    }
    let known = steps.iter().find(|step| step.name().version() == *newest);
    let newest = known.map_or_else(|| newest.to_string(), |step| step.name().to_string());
    let pending = pending(&applied, &steps).count();
    let unknown = unknown(&applied, &steps).max().map(ToString::to_string);
    Ok(Some(Level { newest, pending, unknown }))
}

/// The migrations of one database, with a connection of its own.
pub struct Migrations {
    connection: DbConnection,
    steps: Vec<Step>,
    tell: Box<dyn FnMut()>,
}

impl Migrations {
    /// Connects to the database.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        let manager = Manager { url: url.clone(), purpose: Purpose::Write, statement_timeout: Duration::ZERO };
        let connection = manager.open().with_context(|| format!("could not open the {} database", url.kind()))?;
        let source = match url {
            DatabaseUrl::Sqlite(_) => &SQLITE,
            DatabaseUrl::Postgres(_) | DatabaseUrl::Pooled(_) => &POSTGRES,
        };
        Ok(Self { connection, steps: steps(source)?, tell: Box::new(|| {}) })
    }

    /// Calls `tell` after each migration that was applied or reverted.
    #[must_use]
    pub fn telling(self, tell: impl FnMut() + 'static) -> Self {
        Self { tell: Box::new(tell), ..self }
    }

    /// Applies up to `limit` pending migrations and returns their names.
    ///
    /// # Errors
    /// When a newer binary has migrated the database, or a migration fails; then nothing is changed.
    pub fn up(&mut self, limit: usize) -> Result<Vec<String>> {
        self.change(|connection, steps, tell| apply(connection, steps, limit, tell))
    }

    /// Reverts up to `limit` migrations, newest first, and returns their names.
    ///
    /// # Errors
    /// As for [`Self::up`].
    pub fn down(&mut self, limit: usize) -> Result<Vec<String>> {
        self.change(|connection, steps, tell| revert(connection, steps, limit, tell))
    }

    /// Reverts up to `limit` migrations and applies them again; returns their names, newest first.
    ///
    /// # Errors
    /// As for [`Self::up`].
    pub fn redo(&mut self, limit: usize) -> Result<Vec<String>> {
        self.change(|connection, steps, tell| {
            let names = revert(connection, steps, limit, tell)?;
            apply(connection, steps, names.len(), tell)?;
            Ok(names)
        })
    }

    /// Up to `limit` migrations that [`Self::up`] would apply. Only reads.
    ///
    /// # Errors
    /// When a newer binary has migrated the database, or it cannot be read.
    pub fn pending(&mut self, limit: usize) -> Result<Vec<String>> {
        let applied = applied(&mut self.connection)?;
        refuse_unknown(&applied, &self.steps)?;
        Ok(pending(&applied, &self.steps).take(limit).map(|step| step.name().to_string()).collect())
    }

    /// Up to `limit` migrations that [`Self::down`] would revert, newest first. Only reads.
    ///
    /// # Errors
    /// As for [`Self::pending`].
    pub fn applied(&mut self, limit: usize) -> Result<Vec<String>> {
        let applied = applied(&mut self.connection)?;
        refuse_unknown(&applied, &self.steps)?;
        Ok(done(&applied, &self.steps).take(limit).map(|step| step.name().to_string()).collect())
    }

    /// Every migration of this binary, oldest first, then applied ones that this binary does not know.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn status(&mut self) -> Result<Vec<Status>> {
        let applied = applied(&mut self.connection)?;
        let known = self.steps.iter().map(|step| Status {
            name: step.name().to_string(),
            applied: applied.contains(&step.name().version().as_owned()),
        });
        let mut all: Vec<Status> = known.collect();
        all.extend(
            unknown(&applied, &self.steps)
                .map(|version| Status { name: format!("{version} (unknown to this binary)"), applied: true }),
        );
        Ok(all)
    }

    /// Runs `work` in one transaction under the start-up lock, so that servers may start at the same time.
    fn change(
        &mut self,
        work: impl FnOnce(&mut DbConnection, &[Step], &mut dyn FnMut()) -> Result<Vec<String>>,
    ) -> Result<Vec<String>> {
        let Self { connection, steps, tell } = self;
        dialect::suspend_foreign_keys(connection, true)?;
        let done = transaction::write(connection, |connection| {
            locks::lock_until_commit(connection, locks::START_UP)?;
            let names = work(connection, steps, tell)?;
            if names.is_empty() {
                // The check below reads all tables.
                return Ok(names);
            }
            match dialect::broken_references(connection)? {
                0 => Ok(names),
                broken => Err(anyhow!("the migration would leave {broken} rows with a missing parent").into()),
            }
        });
        dialect::suspend_foreign_keys(connection, false)?;
        done.map_err(Error::into_detail)
    }
}

fn apply(connection: &mut DbConnection, steps: &[Step], limit: usize, tell: &mut dyn FnMut()) -> Result<Vec<String>> {
    let applied = applied(connection)?;
    refuse_unknown(&applied, steps)?;
    let mut names = Vec::new();
    for step in pending(&applied, steps).take(limit) {
        // Creates Diesel's table if it is missing. Not called without a pending migration, because a server on a
        // migrated database may lack the privilege to create tables.
        connection.applied_migrations().map_err(anyhow::Error::from_boxed)?;
        connection.run_migration(step).map_err(|why| anyhow!("{} failed: {why}", step.name()))?;
        names.push(step.name().to_string());
        tell();
    }
    Ok(names)
}

fn revert(connection: &mut DbConnection, steps: &[Step], limit: usize, tell: &mut dyn FnMut()) -> Result<Vec<String>> {
    let applied = applied(connection)?;
    refuse_unknown(&applied, steps)?;
    let mut names = Vec::new();
    for step in done(&applied, steps).take(limit) {
        connection.revert_migration(step).map_err(|why| anyhow!("{} failed: {why}", step.name()))?;
        names.push(step.name().to_string());
        tell();
    }
    Ok(names)
}

/// Migrations that are not applied, oldest first.
fn pending<'a>(applied: &'a [MigrationVersion<'static>], steps: &'a [Step]) -> impl Iterator<Item = &'a Step> {
    steps.iter().filter(|step| !applied.contains(&step.name().version().as_owned()))
}

/// Migrations that are applied, newest first.
fn done<'a>(applied: &'a [MigrationVersion<'static>], steps: &'a [Step]) -> impl Iterator<Item = &'a Step> {
    steps.iter().rev().filter(|step| applied.contains(&step.name().version().as_owned()))
}

/// The applied versions. Only reads.
fn applied(connection: &mut DbConnection) -> Result<Vec<MigrationVersion<'static>>> {
    use __diesel_schema_migrations::{table, version};
    if !dialect::has_table(connection, TABLE)? {
        return Ok(Vec::new());
    }
    let versions: Vec<String> =
        table.select(version).load(connection).context("could not read the applied migrations")?;
    Ok(versions.into_iter().map(MigrationVersion::from).collect())
}

fn unknown<'a>(
    applied: &'a [MigrationVersion<'static>],
    steps: &'a [Step],
) -> impl Iterator<Item = &'a MigrationVersion<'static>> {
    applied.iter().filter(|version| !steps.iter().any(|step| step.name().version() == **version))
}

fn refuse_unknown(applied: &[MigrationVersion<'static>], steps: &[Step]) -> Result<()> {
    if let Some(version) = unknown(applied, steps).max() {
        bail!("the database was migrated by a newer clusterdesk (migration {version}); start that version instead");
    }
    Ok(())
}
