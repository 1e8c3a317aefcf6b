//! The list of all users, for admins.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use diesel::{define_sql_function, dsl::sql, expression::SqlLiteral, prelude::*, sql_types::Text};

use super::{
    k8s::Cluster,
    page::{COUNTED, Listed, Order, Position, Total, like_pattern},
    plan::Plan,
    stats,
    user::{Role, is_admin},
};
use crate::{
    db::{DbConnection, MultiBackend, Timestamp, cached::cached, counted::counted},
    schema::{customers, users},
};

define_sql_function! {
    /// The SQL function `lower`.
    fn lower(text: Text) -> Text;
}

/// Filters on the list of users; all that are set must match.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// A part of the id, name or email, ignoring case.
    pub search: Option<String>,
    /// With this role.
    pub role: Option<Role>,
    /// Whether to list soft-deleted users too.
    pub include_deleted: bool,
}

/// A user in the list.
#[derive(Clone, Debug)]
pub struct ListedUser {
    /// The user.
    pub row: ListedUserRow,
    /// The number of clusters that are not deleted.
    pub active_clusters: i64,
}

/// A user, live or soft-deleted, with the plan of their customer.
#[derive(Clone, Debug, Queryable)]
pub struct ListedUserRow {
    /// The identity provider's id of the user.
    pub id: String,
    /// What the user is called.
    pub name: Option<String>,
    /// Unique among users.
    pub email: Option<String>,
    /// The URL of a picture.
    pub image: Option<String>,
    /// What the user may do.
    pub role: Role,
    /// When the user signed in first.
    pub created_at: Timestamp,
    /// When the user was soft-deleted, if they were.
    pub deleted_at: Option<Timestamp>,
    /// None for a user who is not a customer.
    pub plan: Option<Plan>,
}

/// A user in the list that is sorted by names.
#[derive(Clone, Debug)]
pub struct UserByName(pub ListedUser);

/// Where a user is in the list that is sorted by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedId {
    /// The name, or the id of a user without one.
    pub name: String,
    /// The user's id.
    pub id: String,
}

/// The key of the index of names. Its text must be that of the index.
fn name_key() -> SqlLiteral<Text> {
    sql("lower(coalesce(users.name, users.id))")
}

type UserQuery = users::BoxedQuery<'static, MultiBackend>;

/// The first `limit` matching users after a position by the time of their first sign-in, each with plan and number of active
/// clusters. Two statements, whatever the length of the page.
///
/// # Errors
/// The database's.
pub fn page(
    conn: &mut DbConnection,
    filter: &UserFilter,
    order: Order,
    after: Option<&Position<String>>,
    limit: i64,
) -> QueryResult<Vec<ListedUser>> {
    let mut query = matching(filter);
    if let Some(Position { at, id }) = after.cloned() {
        query = match order {
            Order::Descending => {
                query.filter(users::created_at.le(at)).filter(users::created_at.lt(at).or(users::id.lt(id)))
            }
            Order::Ascending => {
                query.filter(users::created_at.ge(at)).filter(users::created_at.gt(at).or(users::id.gt(id)))
            }
        };
    }
    query = match order {
        Order::Descending => query.order((users::created_at.desc(), users::id.desc())),
        Order::Ascending => query.order((users::created_at, users::id)),
    };
    load(conn, query.limit(limit))
}

/// The same by name, without regard to upper and lower case. A user without a name has the id as name.
///
/// # Errors
/// The database's.
pub fn page_by_name(
    conn: &mut DbConnection,
    filter: &UserFilter,
    order: Order,
    after: Option<&Position<NamedId>>,
    limit: i64,
) -> QueryResult<Vec<UserByName>> {
    let mut query = matching(filter);
    if let Some(NamedId { name, id }) = after.map(|position| position.id.clone()) {
        let name = lower(name);
        query = match order {
            Order::Descending => {
                query.filter(name_key().le(name.clone())).filter(name_key().lt(name).or(users::id.lt(id)))
            }
            Order::Ascending => {
                query.filter(name_key().ge(name.clone())).filter(name_key().gt(name).or(users::id.gt(id)))
            }
        };
    }
    query = match order {
        Order::Descending => query.order((name_key().desc(), users::id.desc())),
        Order::Ascending => query.order((name_key(), users::id)),
    };
    Ok(load(conn, query.limit(limit))?.into_iter().map(UserByName).collect())
}

/// How many users match; None where only reading all users could tell.
///
/// # Errors
/// The database's.
pub fn total(conn: &mut DbConnection, filter: &UserFilter) -> QueryResult<Option<Total>> {
    let UserFilter { search, role, include_deleted } = filter;
    if search.is_some() || *role == Some(Role::User) && *include_deleted {
        return Ok(None);
    }
    if *role == Some(Role::Admin) {
        return admins(conn, *include_deleted).map(Some);
    }
    let live = stats::live(conn, "user")?;
    if *role == Some(Role::User) {
        let admins = admins(conn, false)?;
        return Ok(Some(Total::exact(live.saturating_sub(admins.count))).filter(|_| !admins.more));
    }
    if !include_deleted {
        return Ok(Some(Total::exact(live)));
    }
    let deleted = users::table.filter(users::deleted_at.is_not_null()).order(users::deleted_at).limit(COUNTED + 1);
    let deleted: i64 = counted(deleted.select(users::id)).get_result(conn)?;
    Ok(Some(Total::exact(live).and(Total::bounded(deleted))))
}

fn admins(conn: &mut DbConnection, include_deleted: bool) -> QueryResult<Total> {
    let filter = UserFilter { role: Some(Role::Admin), include_deleted, ..UserFilter::default() };
    let rows = matching(&filter).select(users::id).order((users::created_at, users::id)).limit(COUNTED + 1);
    cached(counted(rows)).get_result(conn).map(Total::bounded)
}

fn matching(filter: &UserFilter) -> UserQuery {
    let mut query = users::table.into_boxed();
    if !filter.include_deleted {
        query = query.filter(users::deleted_at.is_null());
    }
    query = match filter.role {
        Some(Role::Admin) => query.filter(is_admin()),
        Some(Role::User) => query.filter(users::role.eq(Role::User)),
        None => query,
    };
    if let Some(search) = &filter.search {
        // The database folds both sides, because SQLite folds only ASCII letters.
        query = query.filter(users::search.assume_not_null().like(lower(like_pattern(search))).escape('\\'));
    }
    query
}

fn load(conn: &mut DbConnection, query: UserQuery) -> QueryResult<Vec<ListedUser>> {
    let query = query.left_join(customers::table.on(customers::auth_user_id.eq(users::id))).select((
        users::id,
        users::name,
        users::email,
        users::image,
        users::role,
        users::created_at,
        users::deleted_at,
        customers::plan.nullable(),
    ));
    let rows: Vec<ListedUserRow> = cached(query).load(conn)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let counts = Cluster::count_by_owner(conn, &ids)?;
    Ok(rows
        .into_iter()
        .map(|row| ListedUser { active_clusters: counts.get(&row.id).copied().unwrap_or(0), row })
        .collect())
}

impl Listed for ListedUser {
    type Id = String;

    fn position(&self) -> Position<String> {
        Position { at: self.row.created_at, id: self.row.id.clone() }
    }
}

impl Listed for UserByName {
    type Id = NamedId;

    fn position(&self) -> Position<NamedId> {
        let ListedUserRow { id, name, created_at, .. } = &self.0.row;
        let name = name.as_ref().unwrap_or(id).clone();
        Position { at: *created_at, id: NamedId { name, id: id.clone() } }
    }
}

impl fmt::Display for NamedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a dot, whatever the name is.
        write!(f, "{}.{}", URL_SAFE_NO_PAD.encode(&self.name), self.id)
    }
}

impl FromStr for NamedId {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, id) = text.split_once('.').ok_or_else(|| anyhow::anyhow!("no name"))?;
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(name)?)?;
        anyhow::ensure!(!name.contains('\0'), "PostgreSQL refuses NUL in text");
        Ok(Self { name, id: id.to_owned() })
    }
}
