//! Documents of identity providers, read over HTTP.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Response, Url, redirect::Policy};

/// The largest document that is read. Real ones have a few KiB.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Reads a URL. Whoever could change what is sent on the way could sign tokens.
///
/// # Errors
/// The URL is neither https:// nor http:// to a loopback host.
pub(super) fn url(text: &str) -> Result<Url> {
    let url: Url = text.trim().parse().context("is not a URL")?;
    ensure!(url.scheme() == "https" || is_local(&url), "must be an https:// URL (http:// is for loopback hosts alone)");
    Ok(url)
}

/// Whether a URL leads to this machine, without TLS.
pub(super) fn is_local(url: &Url) -> bool {
    url.scheme() == "http" && is_loopback(url)
}

/// A client for the host of `url`. It follows no redirects, and a whole request takes at most `timeout`.
///
/// # Errors
/// The system has no usable TLS.
pub(super) fn client(url: &Url, timeout: Duration) -> Result<Client> {
    let client = Client::builder()
        .timeout(timeout)
        .redirect(Policy::none())
        .user_agent(concat!("clusterdesk/", env!("CARGO_PKG_VERSION")))
        // Requests are too rare to keep connections open.
        .pool_max_idle_per_host(0);
    Ok(if is_local(url) { client.no_proxy() } else { client }.build()?)
}

/// Gets a document.
///
/// # Errors
/// There is no answer, or one that is not the document. The URL may contain a password, so errors don't contain it.
pub(super) async fn get(client: &Client, url: &Url) -> Result<Vec<u8>> {
    let response = client.get(url.clone()).send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status();
    if status.is_redirection() {
        bail!("the response is a redirect ({status}); configure the URL that it leads to");
    }
    ensure!(status.is_success(), "the response status is {status}");
    body(response).await
}

/// The body of a response, whatever its status.
///
/// # Errors
/// It ends early or is too long.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        ensure!(body.len().saturating_add(chunk.len()) <= MAX_BODY_BYTES, "the response is longer than 1 MiB");
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether the URL's host is this machine. Names other than `localhost` would depend on a resolver.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_urls_are_accepted() {
        for accepted in ["https://id.example.com/jwks", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost:1/k"]
        {
            assert!(url(accepted).is_ok(), "{accepted}");
        }
        for refused in [
            "http://id.example.com/jwks",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "http://user@localhost@example.com/",
            "http://10.0.0.1/",
            "ftp://localhost/",
            "file:///etc/passwd",
            "id.example.com",
            "",
        ] {
            assert!(url(refused).is_err(), "{refused}");
        }
    }
}
