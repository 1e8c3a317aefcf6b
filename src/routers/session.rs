//! `session.*`: the browsers in which a user is signed in to the explorer, and for admins those of others.

use procedures::{Access, Code};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    example,
    success::{SUCCESS, Success},
};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{Audited, Call, Router},
    models::{session::Session, sign_in_link},
};

/// The kind of thing in the audit log.
const ENTITY: &str = "session";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Whose {
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OneSession {
    /// The id of the session.
    #[schemars(range(min = 1, max = 9007199254740991i64))]
    id: i64,
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

/// A browser that is signed in to the explorer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Session")]
struct SessionOutput {
    id: i64,
    user_id: String,
    created_at: Timestamp,
    /// When it ends at the latest. It ends before, when it is not used for 12 hours.
    expires_at: Timestamp,
    /// When it was last used, to ten minutes.
    last_used_at: Timestamp,
    /// The address from which it was last used.
    last_used_address: Option<String>,
    /// Whether this call was made with it.
    current: bool,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("session")
        .query("list", Access::User, "The browsers that are signed in to the explorer, newest first.", list)
        .one_statement()
        .example(json!({}), json!([example::session()]))
        .mutation("revoke", Access::User, "Signs one browser out.", revoke)
        .consequence("That browser is signed out at once. It has to sign in again.")
        .errors([Code::NotFound])
        .example(json!({"id": 1}), example::success())
        .mutation(
            "revokeAll",
            Access::User,
            "Signs all browsers out, also that of this call, and makes links to sign in useless.",
            revoke_all,
        )
        .consequence(
            "All browsers are signed out, also this one, and links to sign in that were not used stop working. Tokens keep working.",
        )
        .example(json!({}), example::success())
}

fn list(call: &mut Call<'_>, input: Whose) -> Result<Vec<SessionOutput>> {
    let (user_id, current) = (owner(call, input.user_id)?, call.session_id());
    let item = |session: Session| SessionOutput {
        id: session.id,
        user_id: session.user_id,
        created_at: session.created_at,
        expires_at: session.expires_at,
        last_used_at: session.last_used_at,
        last_used_address: session.last_used_address,
        current: current == Some(session.id),
    };
    Ok(Session::of(call.conn, &user_id, call.now)?.into_iter().map(item).collect())
}

fn revoke(call: &mut Call<'_>, input: OneSession) -> Result<Audited<Success>> {
    let owner = owner(call, input.user_id)?;
    if !Session::end(call.conn, &owner, input.id)? {
        return Err(Error::NotFound("session"));
    }
    Ok(Audited::changed(SUCCESS, ENTITY, input.id, json!({"owner": owner})))
}

fn revoke_all(call: &mut Call<'_>, input: Whose) -> Result<Audited<Success>> {
    let owner = owner(call, input.user_id)?;
    // A link that is on its way would open another one.
    let links = sign_in_link::forget_all(call.conn, &owner)?;
    match (Session::end_all(call.conn, &owner)?, links) {
        (0, 0) => Ok(Audited::unchanged(SUCCESS)),
        (sessions, links) => {
            Ok(Audited::changed(SUCCESS, "user", &owner, json!({"sessions": sessions, "links": links})))
        }
    }
}

/// The user whose sessions are meant.
fn owner(call: &Call<'_>, user_id: Option<String>) -> Result<String> {
    let caller = call.caller()?;
    let other = call.other(user_id.as_deref())?.map(str::to_owned);
    Ok(other.unwrap_or_else(|| caller.id.clone()))
}
