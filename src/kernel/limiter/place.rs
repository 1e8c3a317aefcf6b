//! Where calls are counted, as RATE_LIMIT_STORE says.

use anyhow::{Result, bail};

use super::redis_store::RedisStore;
use crate::{config::Secret, db::DatabaseUrl};

/// Where calls are counted against rate limits.
pub enum Place {
    /// In each server for itself.
    Local,
    /// In the database, for all servers on it.
    Postgres,
    /// In Redis, for all servers that name it.
    Redis(Box<RedisStore>),
}

impl Place {
    /// Reads RATE_LIMIT_STORE. `url` is the database.
    ///
    /// # Errors
    /// Names RATE_LIMIT_STORE and repeats nothing of it, because it may hold a password.
    pub fn parse(setting: Option<&Secret>, url: &DatabaseUrl) -> Result<Self> {
        Ok(match setting.map_or("local", Secret::expose) {
            "local" => Self::Local,
            "postgres" if url.sqlite_path().is_some() => {
                bail!("RATE_LIMIT_STORE: postgres needs a PostgreSQL database, and this one is a SQLite file")
            }
            "postgres" => Self::Postgres,
            url => Self::Redis(Box::new(RedisStore::parse(url)?)),
        })
    }

    /// What it is, for people.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Local => "each server counts for itself",
            Self::Postgres => "counted in the database",
            Self::Redis(_) => "counted in Redis",
        }
    }
}
