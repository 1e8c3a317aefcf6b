//! The calls: one JSON-RPC message or a batch.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use futures_util::{future::join_all, try_join};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_postgres::{Error, Row, Statement, error::SqlState, types::ToSql};

use crate::database::{Database, Session};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Success<'a, T> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: T,
}

#[derive(Serialize)]
struct Refusal<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RawValue>,
    error: Failure,
}

#[derive(Clone, Copy, Serialize)]
struct Failure {
    code: i32,
    message: &'static str,
}

const UNREADABLE: Failure = Failure { code: -32700, message: "The message is not a JSON-RPC request." };
const UNAUTHORIZED: Failure = Failure { code: -32001, message: "The token is missing or not valid." };
const NOT_FOUND: Failure = Failure { code: -32004, message: "There is no such cluster, or the plan is not paid for." };
const CONFLICT: Failure = Failure { code: -32009, message: "There is a cluster on this plan already." };
const NO_METHOD: Failure = Failure { code: -32601, message: "There is no such method." };
const BAD_REQUEST: Failure = Failure { code: -32602, message: "The input is not valid." };
const INTERNAL: Failure = Failure { code: -32603, message: "The database failed." };

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.code() == Some(&SqlState::UNIQUE_VIOLATION) { CONFLICT } else { INTERNAL }
    }
}

#[derive(Deserialize)]
struct Hello<'a> {
    #[serde(borrow)]
    text: std::borrow::Cow<'a, str>,
}

#[derive(Serialize)]
struct Greeting {
    greeting: String,
}

#[derive(Deserialize)]
struct NewCluster<'a> {
    name: &'a str,
    location: &'a str,
    plan: Option<&'a str>,
}

#[derive(Deserialize)]
struct ClusterId {
    id: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created<'a> {
    id: i64,
    cluster_name: &'a str,
    location: &'a str,
    plan: &'a str,
    success: bool,
}

#[derive(Serialize)]
struct Done {
    success: bool,
}

/// Cells are borrowed from the row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster<'a> {
    id: i64,
    name: &'a str,
    location: &'a str,
    auth_user_id: &'a str,
    plan: &'a str,
    network: &'a str,
    status: &'a str,
    created_at: String,
    updated_at: String,
    deleted_at: Option<String>,
}

/// Answers a message. The entries of a batch run concurrently and are answered in order.
pub async fn answer(database: &Database, caller: Option<&str>, body: &[u8]) -> Vec<u8> {
    if body.first() != Some(&b'[') {
        return one(database, caller, body).await;
    }
    let Ok(entries) = serde_json::from_slice::<Vec<&RawValue>>(body) else { return refuse(None, UNREADABLE) };
    let answers = join_all(entries.iter().map(|entry| one(database, caller, entry.get().as_bytes()))).await;
    let mut batch = vec![b'['];
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            batch.push(b',');
        }
        batch.extend_from_slice(answer);
    }
    batch.push(b']');
    batch
}

async fn one(database: &Database, caller: Option<&str>, body: &[u8]) -> Vec<u8> {
    let Ok(request) = serde_json::from_slice::<Request<'_>>(body) else { return refuse(None, UNREADABLE) };
    let Some(caller) = caller else { return refuse(Some(request.id), UNAUTHORIZED) };
    let session = database.session();
    let answer = match request.method {
        "hello.hello" => hello(session, caller, &request).await,
        "k8s.list" => list(session, caller, &request).await,
        "k8s.create" => create(session, caller, &request).await,
        "k8s.delete" => delete(session, caller, &request).await,
        _ => Err(NO_METHOD),
    };
    answer.unwrap_or_else(|failure| refuse(Some(request.id), failure))
}

fn refuse(id: Option<&RawValue>, error: Failure) -> Vec<u8> {
    serde_json::to_vec(&Refusal { jsonrpc: "2.0", id, error }).unwrap_or_default()
}

fn succeed(request: &Request<'_>, result: impl Serialize) -> Result<Vec<u8>, Failure> {
    let encoded = serde_json::to_vec(&Success { jsonrpc: "2.0", id: request.id, result });
    encoded.or(Err(INTERNAL))
}

fn input<'a, T: Deserialize<'a>>(request: &Request<'a>) -> Result<T, Failure> {
    let params = request.params.ok_or(BAD_REQUEST)?;
    serde_json::from_str(params.get()).or(Err(BAD_REQUEST))
}

/// Looks the caller up and runs a statement, both in one round trip.
async fn run(
    session: &Session,
    caller: &str,
    statement: &Statement,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let who: [&(dyn ToSql + Sync); 1] = [&caller];
    let (user, rows) =
        try_join!(session.client.query_opt(&session.find_user, &who), session.client.query(statement, values))?;
    user.ok_or(UNAUTHORIZED)?;
    Ok(rows)
}

async fn hello(session: &Session, caller: &str, request: &Request<'_>) -> Result<Vec<u8>, Failure> {
    let input: Hello<'_> = input(request)?;
    session.client.query_opt(&session.find_user, &[&caller]).await?.ok_or(UNAUTHORIZED)?;
    succeed(request, Greeting { greeting: format!("hello {}", html_escape::encode_safe(&input.text)) })
}

async fn list(session: &Session, caller: &str, request: &Request<'_>) -> Result<Vec<u8>, Failure> {
    let rows = run(session, caller, &session.list, &[&caller]).await?;
    let clusters: Result<Vec<Cluster<'_>>, Error> = rows.iter().map(|row| cluster(row, caller)).collect();
    succeed(request, clusters?)
}

fn cluster<'a>(row: &'a Row, owner: &'a str) -> Result<Cluster<'a>, Error> {
    let time = |at: chrono::NaiveDateTime| at.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok(Cluster {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        location: row.try_get(2)?,
        auth_user_id: owner,
        plan: row.try_get(3)?,
        network: row.try_get(4)?,
        status: row.try_get(5)?,
        created_at: time(row.try_get(6)?),
        updated_at: time(row.try_get(7)?),
        deleted_at: row.try_get::<_, Option<_>>(8)?.map(time),
    })
}

fn now() -> chrono::NaiveDateTime {
    let now: DateTime<Utc> = std::time::SystemTime::now().into();
    now.naive_utc().trunc_subsecs(3)
}

async fn create(session: &Session, caller: &str, request: &Request<'_>) -> Result<Vec<u8>, Failure> {
    let new: NewCluster<'_> = input(request)?;
    let plan = new.plan.unwrap_or("FREE");
    let detail = request.params.map_or("{}", RawValue::get);
    let values: [&(dyn ToSql + Sync); 7] =
        [&caller, &new.name, &new.location, &plan, &now(), &detail, &request.id.get()];
    let made = run(session, caller, &session.create, &values).await?;
    let id = made.first().ok_or(NOT_FOUND)?.try_get(0)?;
    let NewCluster { name, location, .. } = new;
    succeed(request, Created { id, cluster_name: name, location, plan, success: true })
}

async fn delete(session: &Session, caller: &str, request: &Request<'_>) -> Result<Vec<u8>, Failure> {
    let ClusterId { id } = input(request)?;
    let detail = request.params.map_or("{}", RawValue::get);
    let values: [&(dyn ToSql + Sync); 5] = [&caller, &id, &now(), &detail, &request.id.get()];
    let gone = run(session, caller, &session.delete, &values).await?;
    gone.first().ok_or(NOT_FOUND)?;
    succeed(request, Done { success: true })
}
