//! Counts calls against rate limits in Redis, by its clock.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, anyhow, bail};
use redis::{AsyncConnectionConfig, Client, Script, aio::MultiplexedConnection};
use tokio::{runtime::Handle, sync::Mutex};

use crate::db::{Count, Rate};

/// How long a connection may take. Calls don't wait for it that long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The generic cell rate algorithm in one round trip. `ARGV` is the microseconds of a call, those of the window, and whether to
/// count. Answers whether the call was counted, and the microseconds until the whole limit is available again. Keys expire when
/// it is.
const COUNT: &str = "
    local per_call, window, counts = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
    local time = redis.call('TIME')
    local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
    local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
    local full_in = math.max(full_at - now, 0)
    if not counts or full_in + per_call > window then
        return {0, full_in}
    end
    full_in = full_in + per_call
    redis.call('SET', KEYS[1], string.format('%.0f', now + full_in), 'PX', math.ceil(full_in / 1000))
    return {1, full_in}";

/// What the keys begin with, for people who look.
const PREFIX: &str = "clusterdesk:rate:";

/// A store of rate limits.
pub struct RedisStore {
    client: Client,
    script: Script,
    connection: Kept,
}

/// The connection, which all calls share.
type Kept = Arc<Mutex<Option<MultiplexedConnection>>>;

impl RedisStore {
    /// The store at a URL, which may still be away.
    ///
    /// # Errors
    /// Says what is wrong with RATE_LIMIT_STORE, and repeats nothing of it.
    pub(super) fn parse(url: &str) -> Result<Self> {
        if url.starts_with("rediss://") {
            bail!("RATE_LIMIT_STORE: TLS to Redis is not supported; use redis:// on a network that nobody else reads");
        }
        if !url.starts_with("redis://") {
            bail!("RATE_LIMIT_STORE: write local, postgres, or redis://… with the address of a server");
        }
        // The parser's own message may repeat what it could not read.
        let Ok(client) = Client::open(url) else {
            bail!("RATE_LIMIT_STORE: not a URL as in redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]");
        };
        Ok(Self { client, script: Script::new(COUNT), connection: Kept::default() })
    }

    /// Connects in the background, so that the first check is answered in time. If the server is away, that check says so.
    pub(super) fn connect(&self) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(connection(self.client.clone(), Arc::clone(&self.connection)));
        }
    }

    /// Counts a call against the limit of `key`, if `counts` says so and the limit has it left.
    ///
    /// # Errors
    /// When Redis does not count it. The text is for the log.
    pub(super) async fn count(&self, rate: Rate, key: &str, counts: bool) -> Result<Count> {
        let mut connection = connection(self.client.clone(), Arc::clone(&self.connection)).await?;
        let window = rate.microseconds().saturating_mul(i64::from(rate.calls()));
        let mut script = self.script.key(format!("{PREFIX}{key}"));
        let script = script.arg(rate.microseconds()).arg(window).arg(i32::from(counts));
        let (counted, full_in): (i64, i64) = script.invoke_async(&mut connection).await?;
        Ok(if counted == 1 { Count::counted(full_in) } else { rate.uncounted(full_in) })
    }

    /// Gives up the connection, so that the next check takes a new one.
    pub(super) fn renew(&self) {
        // Whoever holds the lock is connecting.
        if let Ok(mut kept) = self.connection.try_lock() {
            *kept = None;
        }
    }
}

/// The connection. A new one is made in a task of its own, which goes on when the caller does not wait any more.
///
/// # Errors
/// When the server can't be reached.
async fn connection(client: Client, kept: Kept) -> Result<MultiplexedConnection> {
    let mut kept = kept.lock_owned().await;
    if let Some(connection) = &*kept {
        return Ok(connection.clone());
    }
    let connecting = tokio::spawn(async move {
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT));
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(kept.insert(connection).clone())
    });
    connecting.await.unwrap_or_else(|_panic| Err(anyhow!("connecting panicked")))
}
