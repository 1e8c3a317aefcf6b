//! What becomes of an old user.

use procedures::is_identifier;

use super::fault::{CheckedRow, Fault};
use crate::{
    db::Timestamp,
    models::{
        bulk::WholeUser,
        old::{OldUser, OwnedRows},
        user::{Role, is_placeholder_email, placeholder_email},
    },
};

/// Most characters of a user's id.
const ID: usize = 255;
const NAME: usize = 100;
const EMAIL: usize = 320;
const IMAGE: usize = 2048;

/// Whether a user can have this id.
pub fn is_user_id(id: &str) -> bool {
    !id.is_empty() && id.chars().count() <= ID && is_identifier(id)
}

/// Whether the old server has deleted the user: it then set this email.
pub fn is_deleted(user: &OldUser) -> bool {
    user.email.as_ref().is_some_and(|email| *email == placeholder_email(&user.id))
}

/// The new row of a user. `is_taken` says whether another user has an email.
pub fn user(old: &OldUser, times: Times, is_taken: impl Fn(&str) -> bool) -> CheckedRow<WholeUser> {
    let mut faults = Vec::new();
    let is_deleted = is_deleted(old);
    let (mut name, mut email, mut image) = (old.name.clone(), unless_empty(old.email.as_deref()), old.image.clone());
    if is_deleted {
        (name, image) = (None, None);
    }
    cut(&mut name, NAME, "name", &mut faults);
    leave_out(&mut image, IMAGE, "image", &mut faults);
    leave_out(&mut email, EMAIL, "email", &mut faults);
    let fault = match &email {
        Some(email) if is_taken(email) => Some(Fault::EmailTaken),
        Some(email) if is_placeholder_email(email) && !is_deleted => Some(Fault::EmailReserved),
        _ => None,
    };
    if let Some(fault) = fault {
        faults.push(fault);
        email = None;
    }
    let row = WholeUser {
        id: old.id.clone(),
        name,
        email,
        image,
        role: old.role,
        created_at: times.first,
        updated_at: times.first,
        deleted_at: is_deleted.then_some(times.last),
    };
    CheckedRow { row, faults }
}

/// A user of whom nothing but the id is known. The next sign-in brings the rest.
pub fn unknown_user(id: &str, times: Times) -> WholeUser {
    WholeUser {
        id: id.to_owned(),
        name: None,
        email: None,
        image: None,
        role: Role::User,
        created_at: times.first,
        updated_at: times.first,
        deleted_at: None,
    }
}

/// The first and the last time at which a user is known to have done something.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the user's oldest row was created.
    pub first: Timestamp,
    /// When one of the user's rows was last changed.
    pub last: Timestamp,
}

impl Times {
    /// The times of a user's rows, or now without any: the old server did not store when a user was created.
    pub fn of(owned: &OwnedRows, now: Timestamp) -> Self {
        let customers = owned.customers.iter().map(|row| (row.created_at, row.updated_at));
        let clusters = owned.clusters.iter().map(|row| (row.created_at, row.updated_at));
        let (first, last): (Vec<_>, Vec<_>) = customers.chain(clusters).unzip();
        let first = first.into_iter().min().unwrap_or(now);
        Self { first, last: last.into_iter().max().unwrap_or(now).max(first) }
    }
}

/// A text of which an empty one means that there is none, such as an id or an address.
pub fn unless_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Shortens a text that is too long.
pub fn cut(text: &mut Option<String>, most: usize, field: &'static str, faults: &mut Vec<Fault>) {
    if let Some(long) = text.as_ref().filter(|text| text.chars().count() > most) {
        faults.push(Fault::TooLong(field));
        *text = Some(long.chars().take(most).collect());
    }
}

/// Removes a text that is too long and of no use when it is cut, such as an id.
pub fn leave_out(text: &mut Option<String>, most: usize, field: &'static str, faults: &mut Vec<Fault>) {
    if text.as_ref().is_some_and(|text| text.chars().count() > most) {
        faults.push(Fault::TooLong(field));
        *text = None;
    }
}
