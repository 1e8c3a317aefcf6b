//! The data that every registration carries: who may call a procedure, what it does, and which rate limit it counts
//! against.

use serde::Serialize;

/// Who may call a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anybody, with or without credentials.
    Public,
    /// Any authenticated caller.
    User,
    /// Administrators, also with a token of theirs that is for services.
    Service,
    /// Administrators only.
    Admin,
}

/// What a procedure does, in tRPC's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Streams events.
    Subscription,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Query, Self::Mutation, Self::Subscription];

    /// The name on the wire and in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// The rate limit that a call counts against. The application decides what each bucket allows, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Bucket(&'static str);

impl Bucket {
    /// The bucket of queries and subscriptions, unless they are registered with another one.
    pub const READ: Self = Self("read");
    /// The bucket of mutations, unless they are registered with another one.
    pub const WRITE: Self = Self("write");

    /// A bucket of the application's own.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name in documents.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}
