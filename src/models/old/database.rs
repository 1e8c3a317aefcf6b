//! An old database, read in one snapshot.

use anyhow::{Result, bail};
use diesel::{
    PgConnection, QueryResult, RunQueryDsl,
    connection::SimpleConnection,
    dsl::sql,
    select,
    sql_types::{BigInt, Text},
};

use super::{
    columns::OldColumns,
    cursor::Cursor,
    row::{OldCluster, OldCustomer, OldEvent, OldUser},
};
use crate::{db::PrismaUrl, error};

/// What every session needs, whatever the defaults of the server and the role are.
const SESSION: &str = "SET LOCAL TIME ZONE 'UTC'; SET LOCAL client_encoding = 'UTF8'; SET LOCAL statement_timeout = 0; \
                       SET LOCAL idle_in_transaction_session_timeout = 0";

/// An old database.
pub struct OldDatabase {
    connection: PgConnection,
    schema: String,
}

/// One state of an old database, whatever the old server writes meanwhile.
pub struct OldSnapshot<'a> {
    connection: &'a mut PgConnection,
    columns: OldColumns,
}

/// The old rows of all users that are not taken yet.
pub struct Owners {
    users: Cursor<OldUser>,
    customers: Cursor<OldCustomer>,
    clusters: Cursor<OldCluster>,
}

/// The rows that belong to one user.
#[derive(Debug)]
pub struct OwnedRows {
    /// The user's id.
    pub owner: String,
    /// The user's row, unless it is missing.
    pub user: Option<OldUser>,
    /// Customers, by id.
    pub customers: Vec<OldCustomer>,
    /// Clusters, by id.
    pub clusters: Vec<OldCluster>,
}

impl OldDatabase {
    /// Connects to an old database.
    ///
    /// # Errors
    /// Why there is no connection, without any part of the URL.
    pub fn open(url: &PrismaUrl) -> Result<Self> {
        Ok(Self { connection: url.connect()?, schema: url.schema.clone() })
    }

    /// Runs `work` on one state of the database.
    ///
    /// # Errors
    /// The tables of the old server are missing; those of `work` and of the database.
    pub fn snapshot<T>(&mut self, work: impl FnOnce(&mut OldSnapshot<'_>) -> error::Result<T>) -> error::Result<T> {
        let Self { connection, schema } = self;
        connection.build_transaction().repeatable_read().read_only().run(|connection| {
            connection.batch_execute(SESSION)?;
            let quoted =
                sql::<Text>("set_config('search_path', quote_ident(").bind::<Text, _>(&*schema).sql("), true)");
            select(quoted).get_result::<String>(connection)?;
            let columns = OldColumns::read(connection, schema)?;
            check(&columns)?;
            work(&mut OldSnapshot { connection, columns })
        })
    }
}

fn check(columns: &OldColumns) -> Result<()> {
    if let Some(missing) = columns.missing() {
        bail!(
            "the old database has no {missing}; \
             is it the old server's database, and does ?schema=… name the right schema?"
        );
    }
    Ok(())
}

impl OldSnapshot<'_> {
    /// The number of users, customers and clusters.
    ///
    /// # Errors
    /// The database's.
    pub fn count(&mut self) -> QueryResult<i64> {
        let [users, customers, clusters] = ["User", "Customer", "K8sClusterConfig"].map(|table| self.count_of(table));
        Ok(users?.saturating_add(customers?).saturating_add(clusters?))
    }

    /// The number of rows of "Account", in which NextAuth kept how users sign in.
    ///
    /// # Errors
    /// The database's.
    pub fn accounts(&mut self) -> QueryResult<i64> {
        self.count_of("Account")
    }

    /// The number of Stripe's events that the old server has not processed.
    ///
    /// # Errors
    /// The database's.
    pub fn open_events(&mut self) -> QueryResult<i64> {
        if !self.columns.has_table("StripeWebhookEvent") {
            return Ok(0);
        }
        select(sql::<BigInt>("(SELECT count(*) FROM \"StripeWebhookEvent\" WHERE processed IS NOT true)"))
            .get_result(self.connection)
    }

    fn count_of(&mut self, table: &str) -> QueryResult<i64> {
        if !self.columns.has_table(table) {
            return Ok(0);
        }
        select(sql::<BigInt>(&format!("(SELECT count(*) FROM \"{table}\")"))).get_result(self.connection)
    }

    /// Runs `work` on the rows of all users, from the first.
    ///
    /// # Errors
    /// Those of `work` and of the database.
    pub fn with_owners<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Owners) -> error::Result<T>,
    ) -> error::Result<T> {
        let mut owners = Owners {
            users: Cursor::open(self.connection, &self.columns)?,
            customers: Cursor::open(self.connection, &self.columns)?,
            clusters: Cursor::open(self.connection, &self.columns)?,
        };
        let done = work(self, &mut owners)?;
        Cursor::<OldUser>::close(self.connection, &self.columns)?;
        Cursor::<OldCustomer>::close(self.connection, &self.columns)?;
        Cursor::<OldCluster>::close(self.connection, &self.columns)?;
        Ok(done)
    }

    /// The rows of the next user: the least id that any row names. None at the end.
    ///
    /// # Errors
    /// The database's.
    pub fn next_owned(&mut self, owners: &mut Owners) -> QueryResult<Option<OwnedRows>> {
        let conn = &mut *self.connection;
        let next = [
            owners.users.next_owner(conn)?.map(str::to_owned),
            owners.customers.next_owner(conn)?.map(str::to_owned),
            owners.clusters.next_owner(conn)?.map(str::to_owned),
        ];
        let Some(owner) = next.into_iter().flatten().min() else { return Ok(None) };
        Ok(Some(OwnedRows {
            user: owners.users.take(conn, &owner)?.pop(),
            customers: owners.customers.take(conn, &owner)?,
            clusters: owners.clusters.take(conn, &owner)?,
            owner,
        }))
    }

    /// Runs `work` on Stripe's events that the old server has processed, some at a time.
    ///
    /// # Errors
    /// Those of `work` and of the database.
    pub fn each_events(&mut self, mut work: impl FnMut(Vec<OldEvent>) -> error::Result<()>) -> error::Result<()> {
        let mut events = Cursor::<OldEvent>::open(self.connection, &self.columns)?;
        loop {
            let some = events.take_some(self.connection)?;
            if some.is_empty() {
                return Ok(Cursor::<OldEvent>::close(self.connection, &self.columns)?);
            }
            work(some)?;
        }
    }
}
