//! The filter of `RUST_LOG`.

use anyhow::{Context, Result, ensure};
use tracing_subscriber::{EnvFilter, Layer, Registry, filter::LevelFilter};

const NAME: &str = EnvFilter::DEFAULT_ENV;
const ADVICE: &str = "write a level such as debug, or info,clusterdesk::db=debug";

/// Our own crates, by the names that a filter has for them.
const CRATES: [&str; 2] = ["clusterdesk", "procedures"];

/// The filter of `RUST_LOG`, by default the level INFO. An `EnvFilter` looks at every span, so there is none by default.
///
/// # Errors
/// When `RUST_LOG` is not a filter, or hides every line of ours without saying `off`.
pub fn filter() -> Result<Box<dyn Layer<Registry> + Send + Sync>> {
    let Some(text) = std::env::var_os(NAME).filter(|text| !text.is_empty()) else {
        return Ok(LevelFilter::INFO.boxed());
    };
    // Without colours, which the error of the filter itself has.
    let filter = text.to_str().and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.with_context(|| format!("{NAME}: {text:?} is not a filter; {ADVICE}"))?;
    let shows_ours = text.to_str().is_some_and(|text| text.split(',').any(is_about_us));
    ensure!(shows_ours, "{NAME}: {text:?} has no level and names no module of clusterdesk; {ADVICE}");
    Ok(filter.boxed())
}

/// Whether a directive is a level, or about a module of ours or any span. A misspelt level is about a module of that name.
fn is_about_us(directive: &str) -> bool {
    let target = directive.split(['=', '[']).next().unwrap_or_default().trim();
    let is_ours = CRATES
        .iter()
        .any(|name| target.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
    is_ours
        || target.is_empty() && directive.contains('[')
        || !target.is_empty() && directive.trim().parse::<LevelFilter>().is_ok()
}
