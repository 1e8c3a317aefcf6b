//! Statements that are prepared once per connection.

use diesel::{
    AsChangeset, QueryResult, QuerySource, RunQueryDsl,
    backend::Backend,
    query_builder::{AstPass, IntoUpdateTarget, Query, QueryFragment, QueryId, UpdateTarget},
};

/// An UPDATE of the rows of `S` that is prepared once.
pub struct Update<S, C>
where
    S: IntoUpdateTarget<Table: QuerySource>,
{
    table: <S::Table as QuerySource>::FromClause,
    filter: S::WhereClause,
    changes: C,
}

/// Like `diesel::update(target).set(changes)`, but prepared once per connection. `changes` must not be empty.
pub fn update<S, C>(target: S, changes: C) -> Update<S, C::Changeset>
where
    S: IntoUpdateTarget<Table: QuerySource>,
    C: AsChangeset<Target = S::Table>,
{
    let UpdateTarget { table, where_clause } = target.into_update_target();
    Update { table: table.from_clause(), filter: where_clause, changes: changes.as_changeset() }
}

impl<S, C, DB> QueryFragment<DB> for Update<S, C>
where
    DB: Backend,
    S: IntoUpdateTarget<Table: QuerySource<FromClause: QueryFragment<DB>>, WhereClause: QueryFragment<DB>>,
    C: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        pass.push_sql("UPDATE ");
        self.table.walk_ast(pass.reborrow())?;
        pass.push_sql(" SET ");
        self.changes.walk_ast(pass.reborrow())?;
        self.filter.walk_ast(pass)
    }
}

impl<S, C> QueryId for Update<S, C>
where
    S: IntoUpdateTarget<Table: QuerySource>,
{
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S, C, Conn> RunQueryDsl<Conn> for Update<S, C> where S: IntoUpdateTarget<Table: QuerySource> {}

/// A query of one of a few texts.
pub struct Cached<Q>(Q);

/// A query that is prepared once although it holds a piece of SQL as text, or returns the rows of an UPDATE. It must have
/// one of a few texts, because the connection keeps them all. It must be loaded: `execute` would not keep it.
pub fn cached<Q>(query: Q) -> Cached<Q> {
    Cached(query)
}

impl<Q, DB> QueryFragment<DB> for Cached<Q>
where
    DB: Backend,
    Q: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    // Overrides the inner query's own answer.
    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Cached<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Cached<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Cached<Q> {}
