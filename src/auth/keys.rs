//! The configured source of the keys that verify JWTs.

use std::sync::Arc;

use anyhow::{Context, bail};

use super::{
    jwks::{RemoteKeys, Timing},
    key::{Key, Source},
    key_set::KeySet,
};
use crate::config::JwtSettings;

/// Where the keys come from.
pub(super) enum Keys {
    /// No key is configured: no JWT is accepted.
    Unconfigured,
    /// From a setting or a file, loaded once.
    Fixed(Arc<KeySet>),
    /// From JWT_JWKS_URL.
    Remote(Arc<RemoteKeys>),
}

impl Keys {
    /// Loads the key of the one setting that is set.
    ///
    /// # Errors
    /// Two kinds of key are configured, or the key can't be used; the message names the setting.
    pub(super) fn configured(settings: &JwtSettings, timing: Timing) -> anyhow::Result<Self> {
        let kinds = [
            ("JWT_SECRET", settings.jwt_secret.is_some()),
            ("JWT_PUBLIC_KEY_FILE", settings.jwt_public_key_file.is_some()),
            ("JWT_JWKS_FILE", settings.jwt_jwks_file.is_some()),
            ("JWT_JWKS_URL", settings.jwt_jwks_url.is_some()),
        ];
        let configured: Vec<&str> = kinds.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
        if let [one, other, ..] = configured.as_slice() {
            bail!("{one} and {other} are both set: configure one kind of key");
        }

        if let Some(secret) = &settings.jwt_secret {
            let key = Key::from_secret(secret).context("JWT_SECRET")?;
            return Ok(Self::Fixed(Arc::new(KeySet::single(key))));
        }
        if let Some(path) = &settings.jwt_public_key_file {
            let setting = || format!("JWT_PUBLIC_KEY_FILE {}", path.display());
            let pem = std::fs::read_to_string(path).with_context(setting)?;
            let key = Key::from_pem(&pem).with_context(setting)?;
            return Ok(Self::Fixed(Arc::new(KeySet::single(key))));
        }
        if let Some(path) = &settings.jwt_jwks_file {
            let setting = || format!("JWT_JWKS_FILE {}", path.display());
            let json = std::fs::read(path).with_context(setting)?;
            let keys = KeySet::from_jwks(&json, Source::File, 0).with_context(setting)?;
            return Ok(Self::Fixed(Arc::new(keys)));
        }
        if let Some(url) = &settings.jwt_jwks_url {
            let remote = RemoteKeys::new(url, "JWT_JWKS_URL", timing).context("JWT_JWKS_URL")?;
            return Ok(Self::Remote(Arc::new(remote)));
        }
        Ok(Self::Unconfigured)
    }
}
