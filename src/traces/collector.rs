//! The client of the collector.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use percent_encoding::percent_decode_str;
use reqwest::{
    Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use crate::config::TraceSettings;

/// How long one attempt to send spans may take, and how long all of them.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where a collector receives traces, below its address.
const PATH: &str = "/v1/traces";

/// The client of the collector that the settings name, if they name one.
///
/// # Errors
/// When a setting is invalid. The error does not repeat it, because it may contain a secret.
pub(super) fn exporter(settings: &TraceSettings) -> Result<Option<SpanExporter>> {
    let Some(endpoint) = &settings.otel_exporter_otlp_endpoint else { return Ok(None) };
    let url = address(endpoint.expose()).context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let headers = settings.otel_exporter_otlp_headers.as_ref().map(|headers| read_headers(headers.expose()));
    let headers = headers.transpose().context("OTEL_EXPORTER_OTLP_HEADERS")?.unwrap_or_default();
    let mut client = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).default_headers(headers);
    if matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        client = client.no_proxy();
    }
    let endpoint = format!("{}{PATH}", url.as_str().trim_end_matches('/'));
    let exporter = SpanExporter::builder().with_http().with_http_client(client.build()?);
    Ok(Some(exporter.with_endpoint(endpoint).with_timeout(TIMEOUT).build()?))
}

/// Checks the settings of traces. False when there is no collector.
///
/// # Errors
/// When a setting is invalid.
pub fn check(settings: &TraceSettings) -> Result<bool> {
    exporter(settings).map(|exporter| exporter.is_some())
}

fn address(text: &str) -> Result<Url> {
    let url: Option<Url> = text.parse().ok().filter(|url: &Url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none());
    let url = url.context("expected the URL of a collector, such as http://127.0.0.1:4318")?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    ensure!(is_bare, "credentials belong into OTEL_EXPORTER_OTLP_HEADERS, not into the URL");
    Ok(url)
}

/// Reads `name=value,…`, with escapes as in URLs.
fn read_headers(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for header in text.split(',').map(str::trim).filter(|header| !header.is_empty()) {
        let read = || {
            let (name, value) = header.split_once('=')?;
            let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
            Some((name.trim().parse::<HeaderName>().ok()?, HeaderValue::from_str(&value).ok()?))
        };
        let (name, mut value) = read().context("expected name=value, separated by commas, with escapes as in URLs")?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}
