//! API tokens: only their hashes are kept.

use diesel::prelude::*;

use crate::{
    db::{DbConnection, Timestamp, text_enum::text_enum},
    schema::api_tokens,
};

text_enum! {
    /// What a token may be used for, on top of what its user may do.
    #[derive(PartialOrd, Ord)]
    pub enum Scope {
        Read = "read",
        Write = "write",
        Admin = "admin",
    }
}

#[derive(Clone, Debug, HasQuery)]
#[diesel(table_name = api_tokens)]
pub struct ApiToken {
    pub id: i64,
    pub user_id: String,
    pub name: String,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Insertable)]
#[diesel(table_name = api_tokens, treat_none_as_default_value = false)]
pub struct NewApiToken<'a> {
    pub user_id: &'a str,
    pub name: &'a str,
    pub hash: &'a str,
    pub scope: Scope,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl NewApiToken<'_> {
    pub fn insert(&self, conn: &mut DbConnection) -> QueryResult<i64> {
        diesel::insert_into(api_tokens::table).values(self).returning(api_tokens::id).get_result(conn)
    }
}

impl ApiToken {
    /// Whose token this is and what it may be used for, unless it is unknown, revoked or expired.
    pub fn holder(conn: &mut DbConnection, hash: &str, now: Timestamp) -> QueryResult<Option<(String, Scope)>> {
        api_tokens::table
            .filter(api_tokens::hash.eq(hash))
            .filter(api_tokens::revoked_at.is_null())
            .filter(api_tokens::expires_at.is_null().or(api_tokens::expires_at.gt(now)))
            .select((api_tokens::user_id, api_tokens::scope))
            .first(conn)
            .optional()
    }

    /// All tokens, or one user's, oldest first.
    pub fn list(conn: &mut DbConnection, user_id: Option<&str>) -> QueryResult<Vec<Self>> {
        match user_id {
            Some(user_id) => Self::query().filter(api_tokens::user_id.eq(user_id)).order(api_tokens::id).load(conn),
            None => Self::query().order(api_tokens::id).load(conn),
        }
    }

    /// Revokes one live token; zero rows when there is none.
    pub fn revoke(conn: &mut DbConnection, id: i64, now: Timestamp) -> QueryResult<usize> {
        diesel::update(api_tokens::table.filter(api_tokens::id.eq(id)).filter(api_tokens::revoked_at.is_null()))
            .set(api_tokens::revoked_at.eq(Some(now)))
            .execute(conn)
    }

    pub fn revoke_all(conn: &mut DbConnection, user_id: &str, now: Timestamp) -> QueryResult<usize> {
        let live = api_tokens::table.filter(api_tokens::user_id.eq(user_id)).filter(api_tokens::revoked_at.is_null());
        diesel::update(live).set(api_tokens::revoked_at.eq(Some(now))).execute(conn)
    }

    pub fn delete_all(conn: &mut DbConnection, user_id: &str) -> QueryResult<usize> {
        diesel::delete(api_tokens::table.filter(api_tokens::user_id.eq(user_id))).execute(conn)
    }
}
