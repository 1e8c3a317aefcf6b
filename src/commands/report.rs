//! What a command prints on standard output: text for people, or JSON for programs.

use std::{
    fmt::Display,
    io::{self, ErrorKind, StdoutLock, Write, stdout},
};

use anyhow::Result;
use serde::Serialize;

/// Standard output, whose reader may have seen enough, as in `clusterdesk user list | head`. That neither stops a command nor
/// changes its exit status.
pub struct Out(StdoutLock<'static>);

/// Standard output for a command.
pub fn out() -> Out {
    Out(stdout().lock())
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_closed(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_closed(self.0.flush(), ())
    }
}

fn unless_closed<T>(written: io::Result<T>, all: T) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(all),
        written => written,
    }
}

/// Prints one result.
///
/// # Errors
/// Standard output can't be written.
pub fn print(json: bool, result: &impl Serialize, text: impl Display) -> Result<()> {
    print_to(&mut out(), json, result, text)
}

/// Prints a result that can't be seen a second time.
///
/// # Errors
/// Standard output can't be written, or nobody reads it.
pub fn print_once(json: bool, result: &impl Serialize, text: impl Display) -> Result<()> {
    print_to(&mut stdout().lock(), json, result, text)
}

fn print_to(out: &mut impl Write, json: bool, result: &impl Serialize, text: impl Display) -> Result<()> {
    match json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(result)?)?,
        false => write!(out, "{text}")?,
    }
    Ok(())
}

/// A table that is printed as its rows are read; as JSON, an array with a line for each row.
pub struct Rows {
    out: Out,
    json: bool,
    is_empty: bool,
}

impl Rows {
    /// Begins a table. People get the header first, if it is not empty.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn new(json: bool, header: impl Display) -> Result<Self> {
        let (mut out, header) = (out(), header.to_string());
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
