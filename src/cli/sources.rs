//! Where settings come from: flags, environment variables, credentials, `clusterdesk.toml`. One that is an empty string is unset,
//! whichever it comes from.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::ErrorKind,
    path::Path,
};

use anyhow::{Context, Result, bail};
use clap::{Arg, Command as Clap};

use super::unknown::nearest;

/// The command without the environment variables that are empty.
pub fn without_empty_variables(command: Clap) -> Clap {
    let command = command.mut_args(|argument| {
        let value = argument.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) { argument.env(None::<&'static str>) } else { argument }
    });
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_empty_variables))
}

/// The arguments without the settings that are empty: `--app-url ""`, `--app-url=`.
pub fn without_empty_flags(command: &Clap, arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let flags: Vec<String> = settings(command).filter_map(Arg::get_long).map(|long| format!("--{long}")).collect();
    let is_flag = |text: &OsStr| flags.iter().any(|flag| text == flag.as_str());
    let mut kept: Vec<OsString> = Vec::new();
    for argument in arguments {
        if argument.is_empty() && kept.last().is_some_and(|last| is_flag(last)) {
            kept.pop();
        } else if !argument.to_str().and_then(|text| text.strip_suffix('=')).is_some_and(|flag| is_flag(flag.as_ref()))
        {
            kept.push(argument);
        }
    }
    kept
}

/// The settings of the server, which are all there are.
pub fn settings(command: &Clap) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| argument.get_env().is_some())
}

/// Makes the files of a folder that are named like settings, such as `DATABASE_URL`, the defaults of these settings. White space
/// at the ends of a file is not part of its value.
///
/// # Errors
/// A file can't be read.
pub fn with_credentials(command: Clap, folder: &Path) -> Result<Clap> {
    let mut values = Vec::new();
    for argument in settings(&command) {
        let Some(name) = argument.get_env() else { continue };
        let text = match fs::read_to_string(folder.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| name.display().to_string()),
        };
        let items: Vec<String> = match argument.get_value_delimiter() {
            Some(delimiter) => text.trim().split(delimiter).map(|item| item.trim().to_owned()).collect(),
            None => vec![text.trim().to_owned()],
        };
        if items.iter().any(|item| !item.is_empty()) {
            values.push((argument.get_id().to_string(), items));
        }
    }
    Ok(with_defaults(command, &values))
}

/// Makes the settings of the file the defaults of the flags with the same names.
///
/// # Errors
/// It is not TOML, or holds what is not a setting. The text is not repeated, because it may hold secrets.
pub fn with_file(command: Clap, text: &str) -> Result<Clap> {
    let table = text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        anyhow::anyhow!("line {} is not TOML; write name = \"value\"", before.matches('\n').count().saturating_add(1))
    })?;
    let mut values = Vec::new();
    for (key, value) in table {
        if !settings(&command).any(|argument| argument.get_id() == key.as_str()) {
            let names = settings(&command).map(|argument| argument.get_id().as_str());
            let hint = nearest(&key, names).map(|name| format!(" (did you mean {name}?)")).unwrap_or_default();
            bail!(
                "{key} is not a setting{hint}; `clusterdesk serve --help` lists them as flags, here with _ instead of -"
            );
        }
        let items = match value {
            toml::Value::Array(items) => items.iter().map(plain).collect::<Option<Vec<String>>>(),
            one => plain(&one).map(|text| vec![text]),
        };
        let items = items.with_context(|| format!("{key} must be a string, a number or a list"))?;
        if items.iter().any(|item| !item.is_empty()) {
            values.push((key, items));
        }
    }
    Ok(with_defaults(command, &values))
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn with_defaults(mut command: Clap, settings: &[(String, Vec<String>)]) -> Clap {
    for (key, values) in settings {
        if command.get_arguments().any(|argument| argument.get_id() == key.as_str()) {
            // clap requires defaults that live as long as the process; this runs once.
            let values: Vec<&'static str> = values.iter().map(|value| &*value.clone().leak()).collect();
            command = command.mut_arg(key, |argument| argument.default_values(values).hide_default_value(true));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| with_defaults(sub, settings)))
}
