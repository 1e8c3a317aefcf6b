//! `user.*`: user records and their deletion (docs/API.md, "Deleting a user").

use procedures::{Access, Code, NoInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    cluster::ClusterOutput,
    confirmation::confirm_token,
    customer::CustomerOutput,
    example,
    success::{SUCCESS, Success},
};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{Audited, Call, InStep, Router},
    models::{
        api_token::ApiToken,
        customer::{Customer, Customers},
        deleted_user::{AUDITED_CLUSTERS, DeletedUser, erase},
        k8s::Cluster,
        k8s_sets::LiveClusters,
        session::Session,
        sign_in_link,
        user::{Role, User},
        user_sets::Rename,
    },
};

const NO_USER: Error = Error::NotFound("user");

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpdateName {
    /// The new name.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// The caller's own id, which is the default. Another id is FORBIDDEN.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WhoseSummary {
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DeleteUser {
    /// The caller by default; only admins may name another user.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
    /// Whether to delete a user whose paid subscription is running; only for admins.
    force: Option<bool>,
    /// The token of the summary that the caller has confirmed. If the summary has changed since, the call is a CONFLICT with
    /// the new one.
    #[schemars(length(min = 1, max = 255))]
    confirm_token: Option<String>,
}

/// A user.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
struct UserOutput {
    id: String,
    name: Option<String>,
    email: Option<String>,
    /// The URL of a picture.
    image: Option<String>,
    role: Role,
    created_at: Timestamp,
}

/// A user with customer record and active clusters.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UserSummary")]
struct Summary {
    user: UserOutput,
    /// Null if the user is not a customer.
    customer: Option<CustomerOutput>,
    /// The number of active clusters.
    active_clusters: usize,
    /// The active clusters, oldest first.
    clusters: Vec<ClusterOutput>,
    /// A digest of everything else in the summary. `user.delete` and `user.softDelete` check it.
    confirm_token: String,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("user")
        .step::<UpdateName>("updateName", Access::User, "Changes the caller's name.")
        .old_name("customer.updateUserName")
        .errors([Code::NotFound])
        .example(json!({"name": "Ada Lovelace"}), example::success())
        .query("me", Access::User, "The caller's user record.", me)
        .one_statement()
        .example(json!({}), example::user())
        .query(
            "summary",
            Access::User,
            "A user with customer record and active clusters, all read at the same moment.",
            summary,
        )
        .loads::<Customers>()
        .loads::<LiveClusters>()
        .errors([Code::NotFound])
        .example(json!({}), example::user_summary())
        .mutation(
            "delete",
            Access::User,
            "Deletes a user, also a soft-deleted one, and the customer record. The clusters are kept as deleted and without an \
             owner.",
            delete,
        )
        .consequence(
            "The account, the customer record, the tokens and the sessions are erased, and the clusters stay as \
             deleted, without an owner. Nobody can sign up with the id again. This cannot be undone.",
        )
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({}), example::success())
        .mutation(
            "softDelete",
            Access::User,
            "Soft-deletes a user: erases the personal data and keeps the user, customer and cluster records.",
            soft_delete,
        )
        .consequence(
            "The clusters are deleted, the tokens are revoked, all browsers are signed out, and the name and the email \
             are erased. The customer record is kept for accounting. This cannot be undone.",
        )
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({}), example::success())
}

impl InStep for UpdateName {
    type Input = Self;
    type Output = Success;
    type Step = Rename;

    fn wish(call: &mut Call<'_>, input: &Self) -> Result<Rename> {
        let user = call.own(input.user_id.as_deref())?.clone();
        Ok(Rename { user, name: input.name.clone(), at: call.now })
    }

    fn answer(caller: &User, _: Self, is_renamed: bool) -> Result<Audited<Success>> {
        if !is_renamed {
            return Err(NO_USER);
        }
        // The name is not logged: the log is kept for ever, and the user may want their data erased.
        Ok(Audited::changed(SUCCESS, "user", &caller.id, json!({"changed": ["name"]})))
    }
}

fn me(call: &mut Call<'_>, _: NoInput) -> Result<UserOutput> {
    Ok(call.caller()?.clone().into())
}

fn summary(call: &mut Call<'_>, input: WhoseSummary) -> Result<Summary> {
    let caller = call.caller()?;
    let user = match call.other(input.user_id.as_deref())? {
        Some(other) => User::find(call.conn, other)?.ok_or(NO_USER)?,
        None => caller.clone(),
    };
    summary_of(call, user)
}

fn summary_of(call: &mut Call<'_>, user: User) -> Result<Summary> {
    let customer = call.load::<Customers>(&user.id)?.map(CustomerOutput::from);
    let clusters = call.load::<LiveClusters>(&user.id)?.unwrap_or_default();
    let clusters: Vec<_> = clusters.into_iter().map(ClusterOutput::from).collect();
    let (active_clusters, confirm_token) = (clusters.len(), String::new());
    Summary { user: user.into(), customer, active_clusters, clusters, confirm_token }.with_token()
}

fn delete(call: &mut Call<'_>, input: DeleteUser) -> Result<Audited<Success>> {
    // Whoever has confirmed a summary has seen a user who was not deleted.
    let before = if input.confirm_token.is_none() { deleted_before(call, &input)? } else { None };
    let (id, clusters) = match before {
        Some(user) => (user.id, Vec::new()),
        None => {
            let user = deletable(call, &input)?;
            let clusters = Cluster::soft_delete_all(call.conn, &user.id, call.now)?;
            (user.id, clusters)
        }
    };
    let mut owned = erase(call.conn, &id, call.now)?.ok_or(NO_USER)?;
    let total = owned.len();
    owned.truncate(AUDITED_CLUSTERS);
    let detail = json!({"deletedClusters": clusters, "ownedClusters": owned, "owned": total, "force": input.force});
    let audited = Audited::changed(SUCCESS, "user", &id, detail);
    Ok(if id == call.caller()?.id { audited.without_address() } else { audited })
}

fn soft_delete(call: &mut Call<'_>, input: DeleteUser) -> Result<Audited<Success>> {
    let user = deletable(call, &input)?;
    let clusters = Cluster::soft_delete_all(call.conn, &user.id, call.now)?;
    ApiToken::revoke_all(call.conn, &user.id, call.now)?;
    Session::end_all(call.conn, &user.id)?;
    sign_in_link::forget_all(call.conn, &user.id)?;
    if !user.soft_delete(call.conn, call.now)? {
        return Err(NO_USER);
    }
    Ok(Audited::changed(SUCCESS, "user", &user.id, json!({"deletedClusters": clusters, "force": input.force})))
}

/// Finds and locks the user to delete, if that is allowed and is what the caller has confirmed.
fn deletable(call: &mut Call<'_>, input: &DeleteUser) -> Result<User> {
    let caller = call.caller()?;
    let force = input.force.unwrap_or(false);
    if force && !call.acts_as_admin() {
        return Err(Error::Forbidden("Only admins may use force."));
    }
    let user = match call.other(input.user_id.as_deref())? {
        Some(other) => User::find_locked(call.conn, other)?.ok_or(NO_USER)?,
        None => caller.clone(),
    };
    if let Some(token) = &input.confirm_token {
        let current = summary_of(call, user.clone())?;
        if current.confirm_token != *token {
            return Err(Error::Changed { summary: json(&current)? });
        }
    }
    check_not_paying(call, &user.id, force)?;
    if user.is_last_admin(call.conn)? {
        return Err(Error::PreconditionFailed("This is the last admin. Promote somebody else first.".to_owned()));
    }
    Ok(user)
}

/// Finds and locks the soft-deleted user whom an admin names, if it is one whom they may erase.
fn deleted_before(call: &mut Call<'_>, input: &DeleteUser) -> Result<Option<DeletedUser>> {
    let Some(other) = call.other(input.user_id.as_deref())? else { return Ok(None) };
    let user = DeletedUser::find_locked(call.conn, other)?;
    if let Some(user) = &user {
        check_not_paying(call, &user.id, input.force.unwrap_or(false))?;
    }
    Ok(user)
}

/// Refuses to delete a user whose paid subscription is running.
fn check_not_paying(call: &mut Call<'_>, user_id: &str, force: bool) -> Result<()> {
    let paying = Customer::of(call.conn, user_id)?.is_some_and(|customer| customer.is_paying(call.now));
    if paying && !force {
        return Err(Error::PreconditionFailed("A paid subscription is running. Cancel it first.".to_owned()));
    }
    Ok(())
}

impl Summary {
    /// The summary, which has no token yet, with its token.
    fn with_token(self) -> Result<Self> {
        Ok(Self { confirm_token: confirm_token(&json(&self)?), ..self })
    }
}

fn json(summary: &Summary) -> Result<Value> {
    serde_json::to_value(summary).map_err(|error| Error::Internal(error.into()))
}

impl From<User> for UserOutput {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email,
            image: user.image,
            role: user.role,
            created_at: user.created_at,
        }
    }
}
