//! Environment variables that are no settings but look like one, as after a typing error.

/// Names that other programs use for a setting of ours.
const ALIASES: [(&str, &str); 5] = [
    ("PORT", "BIND_ADDR"),
    ("LOG_LEVEL", "RUST_LOG"),
    ("STRIPE_API_KEY", "STRIPE_SECRET_KEY"),
    ("OIDC_SECRET", "OIDC_CLIENT_SECRET"),
    ("DATABASE_REPLICA", "DATABASE_REPLICA_URL"),
];

/// Beginnings of names that are ours alone.
const PREFIXES: [&str; 5] = ["RATE_LIMIT_", "JWT_", "OIDC_", "RETENTION_", "CLUSTERDESK_"];

/// How similar (0 to 1) a typing error is to what was meant.
const SIMILAR: f64 = 0.8;

/// `NAME (did you mean SETTING?)` for each variable of the environment that is probably meant as one of the `known`.
pub fn variables(known: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    names.sort_unstable();
    let is_unknown = |name: &&String| !known.contains(&name.as_str()) && *name != "RUST_LOG";
    let unknown = names.iter().filter(is_unknown);
    let meant = unknown.filter_map(|name| meant(name, known).map(|setting| (name, setting)));
    meant.map(|(name, setting)| format!("{name} (did you mean {setting}?)")).collect()
}

/// The setting that is probably meant by a variable.
fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let upper = name.to_ascii_uppercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == upper).map(|(_, setting)| *setting);
    let is_ours = PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
    let bare = upper.strip_prefix("CLUSTERDESK_").unwrap_or(&upper);
    alias.or_else(|| nearest(bare, known.iter().copied())).or_else(|| closest(bare, known).filter(|_| is_ours))
}

/// The name that is similar to `text`, or that `text` is the beginning of.
pub fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|name| {
        // One word is the beginning of too many names.
        let begins = text.contains('_') && name.strip_prefix(text).is_some_and(|rest| rest.starts_with('_'));
        (if begins { 1.0 } else { strsim::normalized_damerau_levenshtein(text, name) }, name)
    });
    scored.filter(|(score, _)| *score >= SIMILAR).max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name)
}

fn closest<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    let score = |name: &str| strsim::jaro_winkler(text, name);
    names.iter().copied().max_by(|one, other| score(one).total_cmp(&score(other)))
}
