//! `clusterdesk console-link`: prints a link that signs a browser in to the explorer.

use anyhow::{Context, Result, bail, ensure};
use clusterdesk::{
    auth::{SignInLink, make_link},
    config::BindAddr,
    db::{DbConnection, Timestamp},
    models::user::{self, User},
};
use serde_json::json;

use super::{
    audit::{self, Change},
    data,
    place::{link_url, place},
    report,
};
use crate::cli::{ConsoleLink, Effect};

/// Makes a link and prints it alone, for use in scripts.
///
/// # Errors
/// There is no such user, the URL of the server is not known, or the database failed.
pub fn run(arguments: &ConsoleLink) -> Result<()> {
    let server = server(arguments)?;
    let Effect { dry_run, json } = arguments.effect;
    let (link, user_id) = create(&mut data::connect(&arguments.data)?, arguments.user.as_deref(), dry_run)?;
    // A link that was only tried works for nobody.
    let url = (!dry_run).then(|| link_url(&server, &link));
    let result = json!({"dryRun": dry_run, "userId": user_id, "url": url, "expiresAt": link.expires_at});
    let text = url.unwrap_or_else(|| format!("would make a link for {user_id}"));
    report::print_once(json, &result, format!("{text}\n"))
}

fn server(ConsoleLink { url, bind_addr, .. }: &ConsoleLink) -> Result<String> {
    let Some(url) = url else {
        return match bind_addr {
            BindAddr::Tcp(_) => Ok(place(bind_addr).0),
            BindAddr::Unix(_) => bail!("a browser can't open a unix socket; name the URL of the proxy with --url"),
        };
    };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', '@']));
    ensure!(is_plain, "--url must be like https://api.example.com");
    Ok(url.clone())
}

fn create(conn: &mut DbConnection, user: Option<&str>, dry_run: bool) -> Result<(SignInLink, String)> {
    data::change(conn, dry_run, |conn| {
        let user = match user {
            Some(id) => User::find_locked(conn, id)?.with_context(|| format!("there is no user {id:?}"))?,
            None => user::oldest_admin(conn)?.context("there is no admin; name a user with --user")?,
        };
        let link = make_link(conn, &user.id, Timestamp::now())?;
        let change = Change { action: "console-link", entity: "user", entity_id: &user.id, detail: "{}" };
        audit::record(conn, &change)?;
        Ok((link, user.id))
    })
}
