//! `user.*`: accounts, and the end of accounts (contract §3).

use procedures::{Access, Code, NoInput};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    cluster::ClusterOutput,
    customer::CustomerOutput,
    example,
    success::{SUCCESS, Success},
};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::{Audited, Call, Router},
    models::{
        api_token::ApiToken,
        customer::Customer,
        k8s::{Cluster, DeletedCluster},
        user::{Role, User},
    },
};

/// Cluster ids that the audit row of a deletion lists: an entry is at most 64 KiB.
const AUDITED_CLUSTERS: usize = 3000;

const NO_USER: Error = Error::NotFound("user");

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpdateName {
    /// What the caller wants to be called.
    #[schemars(length(min = 1, max = 100))]
    name: String,
    /// The caller's own id.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AnyUser {
    /// The caller when not given; somebody else's is for admins.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct EndAccount {
    /// The caller when not given; somebody else's is for admins.
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    user_id: Option<String>,
    /// Also when a paid subscription is running; for admins.
    force: Option<bool>,
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

/// A user with everything that is theirs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UserSummary")]
struct Summary {
    user: UserOutput,
    /// Null for who is no customer.
    customer: Option<CustomerOutput>,
    active_clusters: usize,
    /// The active ones, oldest first.
    clusters: Vec<ClusterOutput>,
}

pub fn router() -> Router {
    Router::new("user")
        .mutation("updateName", Access::User, "Renames the caller.", update_name)
        .old_name("customer.updateUserName")
        .errors([Code::NotFound])
        .example(json!({"name": "Ada Lovelace"}), example::success())
        .query("me", Access::User, "Who the caller is.", me)
        .one_statement()
        .example(json!({}), example::user())
        .query("summary", Access::User, "A user with everything that is theirs, as of one moment.", summary)
        .errors([Code::NotFound])
        .example(json!({}), json!({"user": example::user(), "customer": example::customer(), "activeClusters": 1, "clusters": [example::cluster()]}))
        .mutation("delete", Access::User, "Removes an account; its clusters stay as history without an owner.", delete)
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({}), example::success())
        .mutation(
            "softDelete",
            Access::User,
            "Closes an account and forgets the person; the row, the customer and the clusters stay for the books.",
            soft_delete,
        )
        .errors([Code::NotFound, Code::PreconditionFailed])
        .example(json!({}), example::success())
}

fn update_name(call: &mut Call<'_>, input: UpdateName) -> Result<Audited<Success>> {
    let user = call.own(input.user_id.as_deref())?;
    if !user.set_name(call.conn, &input.name, call.now)? {
        return Err(NO_USER);
    }
    // Not the name itself: the log is kept for ever, the person may want to be forgotten.
    Ok(Audited::changed(SUCCESS, "user", &user.id, json!({"changed": ["name"]})))
}

fn me(call: &mut Call<'_>, _: NoInput) -> Result<UserOutput> {
    Ok(call.caller()?.clone().into())
}

fn summary(call: &mut Call<'_>, input: AnyUser) -> Result<Summary> {
    let caller = call.caller()?;
    let user = match named(call, input.user_id.as_deref())? {
        Some(other) => User::find(call.conn, other)?.ok_or(NO_USER)?,
        None => caller.clone(),
    };
    let customer = Customer::of(call.conn, &user.id)?.map(CustomerOutput::from);
    let clusters: Vec<_> = Cluster::of(call.conn, &user.id)?.into_iter().map(ClusterOutput::from).collect();
    Ok(Summary { user: user.into(), customer, active_clusters: clusters.len(), clusters })
}

fn delete(call: &mut Call<'_>, input: EndAccount) -> Result<Audited<Success>> {
    let user = ending(call, &input)?;
    let clusters = Cluster::soft_delete_all(call.conn, &user.id, call.now)?;
    let mut owned = DeletedCluster::disown_all(call.conn, &user.id, call.now)?;
    let total = owned.len();
    owned.sort_unstable();
    owned.truncate(AUDITED_CLUSTERS);
    Customer::delete_of(call.conn, &user.id)?;
    ApiToken::delete_all(call.conn, &user.id)?;
    if !user.delete(call.conn, call.now)? {
        return Err(NO_USER);
    }
    let detail = json!({"deletedClusters": clusters, "ownedClusters": owned, "owned": total, "force": input.force});
    Ok(Audited::changed(SUCCESS, "user", &user.id, detail))
}

fn soft_delete(call: &mut Call<'_>, input: EndAccount) -> Result<Audited<Success>> {
    let user = ending(call, &input)?;
    let clusters = Cluster::soft_delete_all(call.conn, &user.id, call.now)?;
    ApiToken::revoke_all(call.conn, &user.id, call.now)?;
    if !user.soft_delete(call.conn, call.now)? {
        return Err(NO_USER);
    }
    Ok(Audited::changed(SUCCESS, "user", &user.id, json!({"deletedClusters": clusters, "force": input.force})))
}

/// The user whose account is to end, locked, once nothing stands in the way.
fn ending(call: &mut Call<'_>, input: &EndAccount) -> Result<User> {
    let caller = call.caller()?;
    let force = input.force.unwrap_or(false);
    if force && !call.acts_as_admin() {
        return Err(Error::Forbidden("Only admins may force this."));
    }
    let user = match named(call, input.user_id.as_deref())? {
        Some(other) => User::find_locked(call.conn, other)?.ok_or(NO_USER)?,
        None => caller.clone(),
    };
    let paying = Customer::of(call.conn, &user.id)?.is_some_and(|customer| customer.is_paying(call.now));
    if paying && !force {
        return Err(Error::PreconditionFailed("A paid subscription is running. Cancel it first.".to_owned()));
    }
    if user.is_last_admin(call.conn)? {
        return Err(Error::PreconditionFailed("This is the last admin. Promote somebody else first.".to_owned()));
    }
    Ok(user)
}

/// The other user whom an admin names; None for the caller.
fn named<'i>(call: &Call<'_>, user_id: Option<&'i str>) -> Result<Option<&'i str>> {
    let caller = call.caller()?;
    match user_id {
        Some(other) if other != caller.id && !call.acts_as_admin() => {
            Err(Error::Forbidden("You can do this for yourself only."))
        }
        other => Ok(other.filter(|other| *other != caller.id)),
    }
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
