//! The result of a check.

use std::fmt::{self, Display};

use anyhow::{Error, Result};

/// Something that is not as it should be. The sentence has no secret. A check may fail with other errors, whose text is only for
/// those who can read the log.
#[derive(Debug)]
pub struct Problem(String);

/// The result of a check, as an admin may read it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

impl Finding {
    /// Leaves out what an admin may not read, and logs it.
    pub fn new(check: &'static str, found: Result<String>) -> Self {
        let (ok, detail) = match found {
            Ok(detail) => (true, detail),
            Err(error) => match error.downcast_ref::<Problem>() {
                Some(Problem(text)) => (false, text.clone()),
                None => {
                    tracing::warn!(check, error = format!("{error:#}"), "a check failed");
                    (false, "this could not be checked; the server's log says why".to_owned())
                }
            },
        };
        Self { check, ok, detail }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// A [`Problem`] as an error.
pub fn problem(text: impl Into<String>) -> Error {
    Problem(text.into()).into()
}

/// Fails with a [`Problem`] unless `holds`.
///
/// # Errors
/// The problem.
pub fn require(holds: bool, text: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(problem(text())) }
}
