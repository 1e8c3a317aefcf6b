//! Two pipelined connections to PostgreSQL, with every statement prepared.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::{Client, Error, NoTls, Statement};

const FIND_USER: &str = "SELECT id, role FROM users WHERE id = $1 AND deleted_at IS NULL";

const LIST: &str = "SELECT id, name, location, plan, network, status, created_at, updated_at, deleted_at
    FROM k8s_cluster_configs WHERE auth_user_id = $1 AND deleted_at IS NULL ORDER BY id";

/// A paid plan needs a customer on it.
const CREATE: &str = "WITH owner AS (
        SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL AND ($4 = 'FREE' OR EXISTS (
            SELECT FROM customers WHERE auth_user_id = $1 AND plan = $4 AND stripe_current_period_end > $5))
    ), made AS (
        INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at)
        SELECT $2, $3, id, $4, 'Default', 'PENDING', $5, $5 FROM owner RETURNING id
    ), logged AS (
        INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
        SELECT $5, $1, 'k8s.create', 'cluster', id::text, $6, $7 FROM made
    ) SELECT id FROM made";

const DELETE: &str = "WITH gone AS (
        UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = $3, updated_at = $3
        WHERE id = $2 AND auth_user_id = $1 AND deleted_at IS NULL
            AND EXISTS (SELECT FROM users WHERE id = $1 AND deleted_at IS NULL)
        RETURNING id
    ), logged AS (
        INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
        SELECT $3, $1, 'k8s.delete', 'cluster', id::text, $4, $5 FROM gone
    ) SELECT id FROM gone";

/// A connection and its prepared statements.
pub struct Session {
    pub client: Client,
    pub find_user: Statement,
    pub list: Statement,
    pub create: Statement,
    pub delete: Statement,
}

/// The connections, used in turn.
pub struct Database {
    sessions: [Session; 2],
    next: AtomicUsize,
}

impl Database {
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self { sessions: [Session::open(url).await?, Session::open(url).await?], next: AtomicUsize::new(0) })
    }

    pub fn session(&self) -> &Session {
        let [first, second] = &self.sessions;
        if self.next.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { first } else { second }
    }
}

impl Session {
    async fn open(url: &str) -> Result<Self, Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self {
            find_user: client.prepare(FIND_USER).await?,
            list: client.prepare(LIST).await?,
            create: client.prepare(CREATE).await?,
            delete: client.prepare(DELETE).await?,
            client,
        })
    }
}
