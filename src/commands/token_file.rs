//! The files in the data folder that contain an admin's token: `admin-token`, and `admin-token-2` and so on where servers
//! of several databases share the folder.

use std::{
    fs::{OpenOptions, read_to_string, remove_file},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clusterdesk::{
    auth::PlainToken,
    checks::ADMIN_TOKEN,
    db::{DbConnection, Timestamp},
    files::{Unfinished, sync_folder},
    models::{
        api_token::{ApiToken, Scope, UsableToken},
        user::{Role, User},
    },
};
use uuid::Uuid;

use super::data;

/// The most files that are looked at.
const FILES: usize = 100;

/// The first of the files.
pub fn first(data_dir: &Path) -> PathBuf {
    data_dir.join(ADMIN_TOKEN)
}

fn all(data_dir: &Path) -> impl Iterator<Item = PathBuf> {
    let others = (2..=FILES).map(|number| data_dir.join(format!("{ADMIN_TOKEN}-{number}")));
    std::iter::once(first(data_dir)).chain(others)
}

/// The file whose token an admin of this database can use.
///
/// # Errors
/// The database can't be read.
pub fn usable(conn: &mut DbConnection, data_dir: &Path) -> Result<Option<PathBuf>> {
    for file in all(data_dir).take_while(|file| file.exists()) {
        if let Content::Token(token) = read(&file)?
            && is_usable(conn, &token)?
        {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// The first file that may be written: it does not exist, is empty, or has a token of this database. A token of another
/// database may be the only way into that.
///
/// # Errors
/// The database can't be read, or there are too many files.
pub fn replaceable(conn: &mut DbConnection, data_dir: &Path) -> Result<PathBuf> {
    for file in all(data_dir) {
        match read(&file)? {
            Content::Nothing => return Ok(file),
            Content::Token(token) if ApiToken::is_known(conn, token.hash().as_str())? => return Ok(file),
            Content::Token(_) | Content::Other => {}
        }
    }
    anyhow::bail!("{} has the tokens of too many databases", data_dir.display())
}

/// What a file contains.
enum Content {
    Nothing,
    Token(PlainToken),
    Other,
}

fn read(file: &Path) -> Result<Content> {
    let text = match read_to_string(file) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Content::Nothing);
        }
        text => text.with_context(|| format!("could not read {}", file.display()))?,
    };
    Ok(match (text.trim(), PlainToken::parse(text.trim())) {
        ("", _) => Content::Nothing,
        (_, Some(token)) => Content::Token(token),
        (_, None) => Content::Other,
    })
}

fn is_usable(conn: &mut DbConnection, token: &PlainToken) -> Result<bool> {
    let Some(UsableToken { user_id, scope: Scope::Admin, .. }) =
        ApiToken::holder(conn, token.hash().as_str(), Timestamp::now())?
    else {
        return Ok(false);
    };
    Ok(User::find(conn, &user_id)?.is_some_and(|user| user.role == Role::Admin))
}

/// Writes a file with mode 0600. An existing file is replaced atomically.
///
/// # Errors
/// The file can't be written, or another process is writing it.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = Unfinished::begin(path)?;
    writeln!(file.file(), "{text}").with_context(|| format!("could not write {}", path.display()))?;
    file.publish(true)?;
    sync_folder(path)
}

/// Creates the folder, and refuses one in which no file can be written.
///
/// # Errors
/// The folder can't be created or written.
pub fn check(data_dir: &Path) -> Result<()> {
    data::create_folder(data_dir)?;
    // Several servers may start together in one folder.
    let trial = data_dir.join(format!(".trial-{}", Uuid::new_v4()));
    let tried = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&trial);
    tried.and_then(|_file| remove_file(&trial)).with_context(|| format!("could not write in {}", data_dir.display()))
}
