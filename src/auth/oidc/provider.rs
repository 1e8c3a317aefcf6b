//! The provider of the settings.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use oauth2::RedirectUrl;
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    attempt::Attempt,
    discovery::{Discovery, Endpoints},
    exchange::Registration,
    failure::Failure,
};
use crate::{
    auth::{
        claims::{self, Claims, Rules},
        remote, signature,
    },
    config::OidcSettings,
};

/// Timeout of a whole request to the provider.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of everything that the provider is asked for one request of a browser.
const ALL: Duration = Duration::from_secs(10);
/// Where the browser comes back to.
const CALLBACK: &str = "/sign-in/oidc/callback";

/// The provider with which people sign in to the explorer.
pub struct IdentityProvider {
    issuer: String,
    host: String,
    /// The origin of the explorer.
    origin: String,
    /// The path below which the browser comes back.
    path: String,
    http: reqwest::Client,
    discovery: Discovery,
    registration: Registration,
    rules: Rules,
}

impl IdentityProvider {
    /// The provider of the settings; None if they name no issuer. It is asked when somebody signs in, so it may be away at start.
    ///
    /// # Errors
    /// A setting is missing or wrong; the message names it.
    pub fn configured(settings: &OidcSettings) -> Result<Option<Self>> {
        let Some(issuer) = &settings.oidc_issuer else {
            for (name, is_set) in [
                ("OIDC_CLIENT_ID", settings.oidc_client_id.is_some()),
                ("OIDC_CLIENT_SECRET", settings.oidc_client_secret.is_some()),
                ("OIDC_REDIRECT_URL", settings.oidc_redirect_url.is_some()),
            ] {
                ensure!(!is_set, "{name} is set, but OIDC_ISSUER is not");
            }
            return Ok(None);
        };
        let issuer = issuer.trim();
        let discovery = Discovery::new(issuer).context("OIDC_ISSUER")?;
        let url = remote::url(issuer).context("OIDC_ISSUER")?;
        let client_id = settings.oidc_client_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        let client_id = client_id.context("OIDC_ISSUER needs OIDC_CLIENT_ID")?.to_owned();
        let redirect = settings
            .oidc_redirect_url
            .as_deref()
            .context("OIDC_ISSUER needs OIDC_REDIRECT_URL: the URL of the explorer with /sign-in/oidc/callback")?;
        let redirect = redirect_url(redirect).context("OIDC_REDIRECT_URL")?;
        let words = settings.oidc_scopes.iter().flat_map(|scopes| scopes.split_whitespace());
        let scopes: Vec<String> = words.map(str::to_owned).collect();
        ensure!(scopes.iter().any(|scope| scope == "openid"), "OIDC_SCOPES must contain openid");
        Ok(Some(Self {
            rules: Rules::of_client(issuer, &client_id),
            host: place(&url),
            origin: redirect.origin().ascii_serialization(),
            path: redirect.path().strip_suffix("/callback").unwrap_or_default().to_owned(),
            http: remote::client(&url, TIMEOUT).context("OIDC_ISSUER")?,
            discovery,
            registration: Registration {
                client_id,
                client_secret: settings.oidc_client_secret.clone(),
                redirect_url: RedirectUrl::new(redirect.into()).context("OIDC_REDIRECT_URL")?,
                scopes,
            },
            issuer: issuer.to_owned(),
        }))
    }

    /// The host of the issuer, by which people know it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The issuer, as its tokens name it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The origin of the explorer, as browsers send it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path at which the browser begins, and below which it comes back.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the explorer is opened over TLS.
    pub fn has_tls(&self) -> bool {
        self.origin.starts_with("https:")
    }

    /// Whether a browser that names this host in its request has opened the explorer where it comes back to.
    pub fn is_opened_at(&self, host: &str) -> bool {
        let scheme = if self.has_tls() { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{host}"));
        url.is_ok_and(|url| url.origin().ascii_serialization() == self.origin)
    }

    /// The URL of the page with the button.
    pub fn sign_in_page(&self) -> String {
        format!("{}{}", self.origin, self.path.strip_suffix("/oidc").unwrap_or(&self.path))
    }

    /// The URL at the provider to which the browser of an attempt is sent.
    ///
    /// # Errors
    /// The provider could not be asked for it.
    pub async fn authorization_url(&self, attempt: &Attempt) -> Result<String, Failure> {
        let endpoints = in_time(self.endpoints()).await?;
        Ok(self.registration.authorization_url(&endpoints, attempt))
    }

    /// Who the provider says has signed in, by the code that it gave to the browser of an attempt.
    ///
    /// # Errors
    /// The provider did not say it, or not in a form that can be trusted.
    pub async fn identify(&self, attempt: &Attempt, code: String) -> Result<Claims, Failure> {
        in_time(self.exchange(attempt, code)).await
    }

    async fn endpoints(&self) -> Result<Arc<Endpoints>, Failure> {
        self.discovery.current(&self.http).await.map_err(Failure::Unavailable)
    }

    async fn exchange(&self, attempt: &Attempt, code: String) -> Result<Claims, Failure> {
        let endpoints = self.endpoints().await?;
        let token = self.registration.id_token(&endpoints, &self.http, attempt, code).await?;
        let keys =
            endpoints.keys.current().await.ok_or_else(|| Failure::unavailable("its keys could not be fetched"))?;
        let signed = signature::verify(&token, keys, Some(&endpoints.keys)).await;
        let claims = signed.and_then(|signed| {
            self.check_client(&signed.payload, attempt)?;
            self.rules.check(&signed.payload, claims::now())
        });
        claims.map_err(|refusal| Failure::rejected(format!("the ID token: {refusal}")))
    }

    /// That the token was made for this attempt of this client (OpenID Connect Core §3.1.3.7).
    fn check_client(&self, payload: &Map<String, Value>, attempt: &Attempt) -> Result<(), &'static str> {
        if payload.get("nonce").and_then(Value::as_str) != Some(attempt.nonce().as_str()) {
            return Err("The token is not of this sign-in (nonce).");
        }
        match payload.get("azp") {
            Some(party) if party.as_str() != Some(&self.registration.client_id) => {
                Err("The token was issued to another party (azp).")
            }
            _ => Ok(()),
        }
    }

    /// Asks the provider now and fetches its keys, for `clusterdesk doctor`.
    ///
    /// # Errors
    /// It could not be asked, or what it says can't be used.
    pub async fn check(&self) -> Result<()> {
        let endpoints = self.discovery.current(&self.http).await.context("OIDC_ISSUER")?;
        endpoints.keys.fetch_now().await.map(drop)
    }
}

/// What the provider answers, unless that takes too long altogether.
async fn in_time<T>(answer: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::unavailable(format!("it took longer than {} seconds", ALL.as_secs()));
    timeout(ALL, answer).await.unwrap_or_else(|_elapsed| Err(late()))
}

/// Where the browser comes back to: at a page of this server, so nowhere else.
fn redirect_url(text: &str) -> Result<Url> {
    let url = remote::url(text)?;
    if !url.path().ends_with(CALLBACK) || url.query().is_some() || url.fragment().is_some() {
        bail!("must end with {CALLBACK}");
    }
    Ok(url)
}

/// Host and port of a URL.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn settings() -> OidcSettings {
        OidcSettings {
            oidc_issuer: Some("https://id.example.com/realms/a".into()),
            oidc_client_id: Some("console".into()),
            oidc_client_secret: None,
            oidc_redirect_url: Some("https://console.example.com/sign-in/oidc/callback".into()),
            oidc_scopes: vec!["openid".into(), "profile email".into()],
        }
    }

    fn refusal(change: impl FnOnce(&mut OidcSettings)) -> String {
        let mut settings = settings();
        change(&mut settings);
        format!("{:#}", IdentityProvider::configured(&settings).err().unwrap())
    }

    #[test]
    fn an_issuer_needs_an_id_and_a_url_to_come_back_to() {
        let provider = IdentityProvider::configured(&settings()).unwrap().unwrap();
        assert_eq!((provider.host(), provider.origin()), ("id.example.com", "https://console.example.com"));
        assert_eq!((provider.path(), provider.has_tls()), ("/sign-in/oidc", true));
        assert_eq!(provider.registration.scopes, ["openid", "profile", "email"]);
        for missing in [None, Some(String::new()), Some(" ".into())] {
            assert!(refusal(|settings| settings.oidc_client_id = missing).contains("OIDC_CLIENT_ID"));
        }
        assert!(refusal(|settings| settings.oidc_redirect_url = None).contains("OIDC_REDIRECT_URL"));
        assert!(refusal(|settings| settings.oidc_scopes = vec!["email".into()]).contains("OIDC_SCOPES"));
        let secret = Some(Secret::new("s"));
        let lonely = OidcSettings { oidc_client_secret: secret, ..OidcSettings::default() };
        let refused = IdentityProvider::configured(&lonely).err().unwrap().to_string();
        assert_eq!(refused, "OIDC_CLIENT_SECRET is set, but OIDC_ISSUER is not");
        assert!(IdentityProvider::configured(&OidcSettings::default()).unwrap().is_none());
    }

    #[test]
    fn the_explorer_is_opened_at_the_host_of_the_url_to_come_back_to() {
        for (url, hosts, others) in [
            (
                "https://console.example.com/desk/sign-in/oidc/callback",
                &["console.example.com", "Console.example.com", "console.example.com:443"][..],
                &["", "example.com", "console.example.com:80", "console.example.com.", "[", "10.0.0.1:443"][..],
            ),
            ("http://127.0.0.1:3000/sign-in/oidc/callback", &["127.0.0.1:3000"], &["127.0.0.1", "localhost:3000"]),
        ] {
            let settings = OidcSettings { oidc_redirect_url: Some(url.into()), ..settings() };
            let provider = IdentityProvider::configured(&settings).unwrap().unwrap();
            assert_eq!(provider.sign_in_page(), url.trim_end_matches("/oidc/callback"));
            assert!(hosts.iter().all(|host| provider.is_opened_at(host)), "{url}");
            assert!(!others.iter().any(|host| provider.is_opened_at(host)), "{url}");
        }
    }

    #[test]
    fn the_issuer_and_the_url_to_come_back_to_are_checked() {
        for issuer in
            ["id.example.com", "http://id.example.com", "https://id.example.com?a", "https://u:p@id.example.com"]
        {
            assert!(refusal(|settings| settings.oidc_issuer = Some(issuer.into())).contains("OIDC_ISSUER"), "{issuer}");
        }
        for url in [
            "https://console.example.com",
            "http://console.example.com/sign-in/oidc/callback",
            "/sign-in/oidc/callback",
        ] {
            let refused = refusal(|settings| settings.oidc_redirect_url = Some(url.into()));
            assert!(refused.contains("OIDC_REDIRECT_URL"), "{url}: {refused}");
        }
    }
}
