//! The audit log as a file, entry by entry in the order of the chain.

use std::{collections::HashMap, io::Write, str::FromStr};

use anyhow::{anyhow, bail};
use serde::Serialize;

use super::{chain::START, new_file::NewFile};
use crate::{
    db::{DbConnection, Timestamp, transaction},
    error::{Error, Result},
    models::{
        audit::Door,
        audit_event::AuditEvent,
        audit_seal::AuditSeal,
        event_log::{EventLog, Extent},
    },
};

/// Entries that are read at a time. Each may have 64 KiB.
const PAGE: i64 = 256;

/// How entries are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object on each line.
    Ndjson,
    /// Comma-separated values, with a heading.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::Ndjson, Self::Csv];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

impl FromStr for Format {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match Self::ALL.into_iter().find(|format| format.as_str() == text) {
            Some(format) => Ok(format),
            None => bail!("{text:?} is not a format: expected ndjson or csv"),
        }
    }
}

/// One entry in the file. `detail` is the text that was stored, because the hash covers it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    event_id: i64,
    id: i64,
    created_at: Timestamp,
    actor_id: &'a str,
    procedure: &'a str,
    entity: &'a str,
    entity_id: &'a str,
    detail: &'a str,
    request_id: &'a str,
    client_address: Option<&'a str>,
    token_id: Option<i64>,
    door: Option<Door>,
    previous_hash: Option<&'a str>,
    hash: Option<&'a str>,
}

/// Writes the entries up to that with the event `until`, and returns how many. Memory holds a few hundred at a time.
/// `progress` is told the number of entries after each step.
///
/// # Errors
/// The database's, and those of `out`; when entries are purged meanwhile.
pub fn export(
    conn: &mut DbConnection,
    until: i64,
    format: Format,
    out: &mut impl Write,
    progress: &mut dyn FnMut(u64),
) -> Result<u64> {
    let mut lines = Lines::new(format, out);
    let Extent { purged, .. } = AuditEvent::extent(conn)?;
    let anchor = AuditSeal::find(conn, purged)?.map(|seal| seal.hash);
    let mut previous = if purged == 0 { Some(START.to_owned()) } else { anchor };
    let (mut last, mut count) = (purged, 0_u64);
    loop {
        let page = transaction::snapshot(conn, |conn| {
            if AuditEvent::extent(conn)?.purged != purged {
                return Err(Error::Internal(anyhow!("entries were purged during the export")));
            }
            Ok((AuditEvent::between(conn, last, until, PAGE)?, AuditSeal::after(conn, last, PAGE)?))
        });
        let (events, seals) = page?;
        let mut seals: HashMap<i64, String> = seals.into_iter().map(|seal| (seal.id, seal.hash)).collect();
        let Some(newest) = events.last().map(EventLog::id) else { break };
        for event in &events {
            let hash = seals.remove(&event.id);
            lines.write(event, previous.as_deref(), hash.as_deref())?;
            previous = hash;
        }
        let written = u64::try_from(events.len()).unwrap_or_default();
        count = count.saturating_add(written);
        progress(written);
        last = newest;
    }
    lines.flush()?;
    Ok(count)
}

/// A complete file.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The entries in it.
    pub entries: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// Like [`export`], to a file, which it completes.
///
/// # Errors
/// As for [`export`].
pub fn export_to(
    conn: &mut DbConnection,
    until: i64,
    format: Format,
    mut file: NewFile,
    progress: &mut dyn FnMut(u64),
) -> Result<Exported> {
    let entries = export(conn, until, format, &mut file, progress)?;
    Ok(Exported { entries, sha256: file.finish()? })
}

/// The lines of one format.
enum Lines<W: Write> {
    Ndjson(W),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write> Lines<W> {
    fn new(format: Format, out: W) -> Self {
        match format {
            Format::Ndjson => Self::Ndjson(out),
            Format::Csv => Self::Csv(Box::new(csv::Writer::from_writer(out))),
        }
    }

    fn write(
        &mut self,
        AuditEvent { id, entry }: &AuditEvent,
        previous: Option<&str>,
        hash: Option<&str>,
    ) -> Result<()> {
        let line = Line {
            event_id: *id,
            id: entry.id,
            created_at: entry.created_at,
            actor_id: &entry.actor_id,
            procedure: &entry.procedure,
            entity: &entry.entity,
            entity_id: &entry.entity_id,
            detail: &entry.detail,
            request_id: &entry.request_id,
            client_address: entry.client_address.as_deref(),
            token_id: entry.token_id,
            door: entry.door,
            previous_hash: previous.filter(|_| hash.is_some()),
            hash,
        };
        match self {
            Self::Ndjson(out) => {
                serde_json::to_writer(&mut *out, &line)
                    .map_err(|error| Error::Internal(std::io::Error::from(error).into()))?;
                out.write_all(b"\n").map_err(failed)
            }
            Self::Csv(out) => out.serialize(line).map_err(|error| Error::Internal(error.into())),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self {
            Self::Ndjson(out) => out.flush(),
            Self::Csv(out) => out.flush(),
        }
        .map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Internal(error.into())
}
