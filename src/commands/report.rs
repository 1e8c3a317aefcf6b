//! What a command prints on standard output: text for people, or JSON for programs.

use std::{
    fmt::Display,
    io::{StdoutLock, Write, stdout},
};

use anyhow::Result;
use serde::Serialize;

/// Prints one result.
///
/// # Errors
/// Standard output can't be written.
pub fn print(json: bool, result: &impl Serialize, text: impl Display) -> Result<()> {
    let mut out = stdout().lock();
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(result)?)?,
        false => write!(out, "{text}")?,
    }
    Ok(())
}

/// A table that is printed as its rows are read; as JSON, an array with a line for each row.
pub struct Rows {
    out: StdoutLock<'static>,
    json: bool,
    is_empty: bool,
}

impl Rows {
    /// Begins a table. People get the header first, if it is not empty.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn new(json: bool, header: impl Display) -> Result<Self> {
        let (mut out, header) = (stdout().lock(), header.to_string());
        match json {
            true => write!(out, "[")?,
            false if header.is_empty() => {}
            false => writeln!(out, "{header}")?,
        }
        Ok(Self { out, json, is_empty: true })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn add(&mut self, row: &impl Serialize, text: impl Display) -> Result<()> {
        match self.json {
            true => write!(self.out, "{}{}", if self.is_empty { "\n" } else { ",\n" }, serde_json::to_string(row)?)?,
            false => writeln!(self.out, "{text}")?,
        }
        self.is_empty = false;
        Ok(())
    }

    /// Ends the table.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn end(mut self) -> Result<()> {
        if self.json {
            writeln!(self.out, "{}]", if self.is_empty { "" } else { "\n" })?;
        }
        Ok(())
    }
}
