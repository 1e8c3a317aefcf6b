//! Why nobody was signed in by the provider.

use std::fmt;

use anyhow::anyhow;

/// Why nobody was signed in. The text is for the log and contains no secret.
#[derive(Debug)]
pub enum Failure {
    /// The provider could not be asked, or what it says can't be used.
    Unavailable(anyhow::Error),
    /// The provider did not accept the code, or its ID token is not valid.
    Rejected(anyhow::Error),
}

impl Failure {
    /// [`Self::Unavailable`] with this text.
    pub(super) fn unavailable(why: impl fmt::Display) -> Self {
        Self::Unavailable(anyhow!("{why}"))
    }

    /// [`Self::Rejected`] with this text.
    pub(super) fn rejected(why: impl fmt::Display) -> Self {
        Self::Rejected(anyhow!("{why}"))
    }
}
