//! TLS for the connection that listens, as libpq would do it. A build without `pg-tls` has none.

#[cfg(not(feature = "pg-tls"))]
pub fn connector(_url: &str) -> anyhow::Result<tokio_postgres::NoTls> {
    Ok(tokio_postgres::NoTls)
}
