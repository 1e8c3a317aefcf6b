//! What can be wrong with an old row.

use std::borrow::Cow;

/// Something that breaks a rule of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The id of the user is empty, too long, or has white space at an end or a control character.
    UserId,
    /// The row of the user is not imported.
    UserSkipped,
    /// The user has no row.
    NoUser,
    /// The user is deleted, and the cluster is not.
    UserDeleted,
    /// A text has more characters than we allow.
    TooLong(&'static str),
    /// A text is empty.
    Empty(&'static str),
    /// A time is outside the years 1 to 9999.
    Time,
    /// There is no plan.
    NoPlan,
    /// Another user has the email.
    EmailTaken,
    /// The email is one that deleted users get.
    EmailReserved,
    /// The user has another customer.
    SecondCustomer,
    /// Another customer has the Stripe customer.
    StripeCustomerTaken,
    /// Another customer has the Stripe subscription.
    StripeSubscriptionTaken,
    /// The user has another live cluster on the plan.
    SecondCluster,
    /// The number of the row is not positive.
    RowId,
    /// The new database has another row with this number.
    RowIdTaken,
    /// The id of the event is empty or too long.
    EventId,
}

impl Fault {
    /// Its name in reports.
    pub fn code(self) -> &'static str {
        match self {
            Self::UserId => "userId",
            Self::UserSkipped => "userSkipped",
            Self::NoUser => "noUser",
            Self::UserDeleted => "userDeleted",
            Self::TooLong(_) => "tooLong",
            Self::Empty(_) => "empty",
            Self::Time => "time",
            Self::NoPlan => "noPlan",
            Self::EmailTaken => "emailTaken",
            Self::EmailReserved => "emailReserved",
            Self::SecondCustomer => "secondCustomer",
            Self::StripeCustomerTaken => "stripeCustomerTaken",
            Self::StripeSubscriptionTaken => "stripeSubscriptionTaken",
            Self::SecondCluster => "secondCluster",
            Self::RowId => "rowId",
            Self::RowIdTaken => "rowIdTaken",
            Self::EventId => "eventId",
        }
    }

    /// What is wrong, for people.
    pub fn reason(self) -> Cow<'static, str> {
        match self {
            Self::UserId => {
                "the user's id is empty, longer than 255 characters, or has white space at an end or a control character"
                    .into()
            }
            Self::UserSkipped => "the row of its user is skipped".into(),
            Self::NoUser => "its user has no row".into(),
            Self::UserDeleted => "its user is deleted".into(),
            Self::TooLong(field) => format!("{field} is too long").into(),
            Self::Empty(field) => format!("{field} is empty").into(),
            Self::Time => "a time is outside the years 1 to 9999".into(),
            Self::NoPlan => "it has no plan".into(),
            Self::EmailTaken => "another user has the email".into(),
            Self::EmailReserved => "the email is reserved for another, deleted user".into(),
            Self::SecondCustomer => "its user has another customer".into(),
            Self::StripeCustomerTaken => "another customer has its Stripe customer".into(),
            Self::StripeSubscriptionTaken => "another customer has its Stripe subscription".into(),
            Self::SecondCluster => "its user has another live cluster on the plan".into(),
            Self::RowId => "its number is not positive".into(),
            Self::RowIdTaken => "the new database has another row with this number".into(),
            Self::EventId => "the event's id is empty or longer than 255 characters".into(),
        }
    }

    /// What a repair does. None if there is no repair, and the row is skipped.
    pub fn repair(self) -> Option<&'static str> {
        match self {
            Self::UserId
            | Self::UserSkipped
            | Self::SecondCustomer
            | Self::RowId
            | Self::RowIdTaken
            | Self::EventId => None,
            Self::NoUser => Some("the user is created"),
            Self::UserDeleted | Self::SecondCluster => Some("the cluster is deleted and can be restored"),
            Self::TooLong("email" | "image" | "stripeCustomerId" | "stripeSubscriptionId" | "stripePriceId") => {
                Some("it is left out")
            }
            Self::TooLong(_) => Some("it is cut"),
            Self::Empty("name") => Some("it becomes cluster-<number>"),
            Self::Empty("location") => Some("it becomes unknown"),
            Self::Empty(_) => Some("it becomes Default"),
            Self::Time => Some("it becomes the nearest time within them"),
            Self::NoPlan => Some("it becomes FREE"),
            Self::EmailTaken | Self::EmailReserved => Some("the email is left out"),
            Self::StripeCustomerTaken | Self::StripeSubscriptionTaken => Some("the id is left out"),
        }
    }
}

/// A new row, in which all that can be repaired is repaired, and what was wrong with the old one.
#[derive(Debug)]
pub struct CheckedRow<T> {
    /// The new row.
    pub row: T,
    /// What was wrong. Some of it may be beyond repair.
    pub faults: Vec<Fault>,
}
