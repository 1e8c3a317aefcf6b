//! What a running server can check besides its database.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use tokio::time::timeout;

use super::{
    finding::{Finding, problem},
    parts::{backups, billing, keys, private},
};
use crate::{
    auth::Authenticator,
    config::Settings,
    db::{DatabaseUrl, Timestamp, backups::Schedule},
    stripe::Stripe,
};

/// How long it may take to fetch keys that nobody has needed yet.
const PATIENCE: Duration = Duration::from_secs(3);
/// The name of the file with the first admin's token, in the data folder.
pub const ADMIN_TOKEN: &str = "admin-token";

/// The files and the backups of a server.
pub struct Surroundings {
    private: Vec<Private>,
    backups: Option<Schedule>,
    /// Whether the server could make backups.
    is_sqlite: bool,
}

/// A file or folder that others must not read, if it exists.
struct Private {
    name: &'static str,
    path: PathBuf,
    mode: u32,
}

/// The newest backup, and how often one is made.
#[derive(Clone, Copy, Debug)]
pub struct NewestBackup {
    /// The time from one to the next.
    pub every: Duration,
    /// None if there is none.
    pub at: Option<Timestamp>,
}

impl Surroundings {
    /// Reads the settings.
    ///
    /// # Errors
    /// One is wrong; the message names it.
    pub fn new(settings: &Settings) -> Result<Self> {
        let data_dir = &settings.data.data_dir;
        let mut private = vec![
            Private { name: "data folder", path: data_dir.clone(), mode: 0o700 },
            Private { name: "admin token", path: data_dir.join(ADMIN_TOKEN), mode: 0o600 },
        ];
        let url = DatabaseUrl::from_settings(&settings.data)?;
        let file = url.sqlite_path();
        private.extend(file.map(|path| Private { name: "database file", path: path.to_owned(), mode: 0o600 }));
        Ok(Self { private, backups: Schedule::from_settings(settings)?, is_sqlite: url.sqlite_path().is_some() })
    }

    /// What is found now.
    pub async fn findings(&self, authenticator: &Authenticator, stripe: &Stripe) -> Vec<Finding> {
        let existing = self.private.iter().filter(|file| file.path.exists());
        let check =
            |file: &Private| Finding::new(file.name, private(format!("the {}", file.name), &file.path, file.mode));
        let mut found: Vec<Finding> = existing.map(check).collect();
        let in_use = timeout(PATIENCE, authenticator.keys_in_use()).await.ok().flatten();
        let in_use = in_use.ok_or_else(|| problem("they could not be fetched: nobody can sign in by a JWT"));
        found.push(Finding::new("token keys", in_use.map(keys)));
        found.push(Finding::new("billing", Ok(billing(stripe))));
        if self.is_sqlite {
            found.push(Finding::new("backups", backups(self.backups.as_ref(), "the folder of backups")));
        }
        found
    }

    /// The newest backup that the server has made. None if it makes none.
    pub fn newest_backup(&self) -> Option<NewestBackup> {
        let schedule = self.backups.as_ref()?;
        // A folder that can't be read is a finding.
        Some(NewestBackup { every: schedule.every, at: schedule.newest().ok().flatten() })
    }
}
