//! TLS for the connection that listens, as libpq does it (PostgreSQL manual §34.19). A build without `pg-tls` has none.

#[cfg(not(feature = "pg-tls"))]
pub fn connector(_url: &str) -> anyhow::Result<tokio_postgres::NoTls> {
    Ok(tokio_postgres::NoTls)
}

#[cfg(feature = "pg-tls")]
pub use self::openssl::connector;

#[cfg(feature = "pg-tls")]
mod openssl {
    use std::path::PathBuf;

    use anyhow::Context;
    use openssl::{
        ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode},
        x509::store::X509StoreBuilder,
    };
    use postgres_openssl::MakeTlsConnector;

    use crate::db::url::libpq;

    /// Certificates are checked as `sslmode` and `sslrootcert` say.
    ///
    /// # Errors
    /// When a file is missing or is none of its kind.
    pub fn connector(url: &str) -> anyhow::Result<MakeTlsConnector> {
        let mode = libpq(url, "sslmode", "PGSSLMODE").unwrap_or_default();
        let root = file(url, "sslrootcert", "PGSSLROOTCERT", "root.crt");
        // `require` checks too once there is something to check by.
        let verifies = mode.starts_with("verify-") || mode == "require" && root.is_some();
        let mut tls = SslConnector::builder(SslMethod::tls_client())?;
        if !verifies {
            tls.set_verify(SslVerifyMode::NONE);
        } else if root.as_ref().is_none_or(|root| root.as_os_str() != "system") {
            let root = root.context("sslmode asks to verify the server; name the sslrootcert")?;
            // In place of the system's own.
            tls.set_cert_store(X509StoreBuilder::new()?.build());
            tls.set_ca_file(root)?;
        }
        if let (Some(certificate), Some(key)) =
            (file(url, "sslcert", "PGSSLCERT", "postgresql.crt"), file(url, "sslkey", "PGSSLKEY", "postgresql.key"))
        {
            tls.set_certificate_chain_file(certificate)?;
            tls.set_private_key_file(key, SslFiletype::PEM)?;
        }
        let mut connector = MakeTlsConnector::new(tls.build());
        if mode != "verify-full" {
            connector.set_callback(|session, _host| {
                session.set_verify_hostname(false);
                Ok(())
            });
        }
        Ok(connector)
    }

    /// A file that is named, or lies where libpq looks for it.
    fn file(url: &str, name: &str, variable: &str, usual: &str) -> Option<PathBuf> {
        let usual =
            || std::env::home_dir().map(|home| home.join(".postgresql").join(usual)).filter(|path| path.exists());
        libpq(url, name, variable).map(PathBuf::from).or_else(usual)
    }
}
