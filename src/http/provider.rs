//! The identity provider of the settings, with which people sign in to the explorer.

use anyhow::{Result, bail};

use super::origin::Origins;
use crate::{auth::IdentityProvider, config::Settings};

/// The provider of the settings, if there is one.
///
/// # Errors
/// A setting of it is wrong, or the explorer is at a host that is listed: no session would work there.
pub fn identity_provider(settings: &Settings) -> Result<Option<IdentityProvider>> {
    let provider = IdentityProvider::configured(&settings.oidc)?;
    let origins = Origins::new(settings);
    if let Some(provider) = provider.as_ref().filter(|provider| origins.lists_its_host(provider.origin())) {
        let origin = provider.origin();
        bail!(
            "OIDC_REDIRECT_URL: {origin} is also in APP_URL or ALLOWED_ORIGINS; the explorer needs a host of its own"
        );
    }
    Ok(provider)
}
