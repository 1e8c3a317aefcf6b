//! The entries of a batch, of which no more are kept in memory than a batch may have.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// Reads a JSON array. None when it has more than `limit` entries.
///
/// # Errors
/// PARSE_ERROR.
pub fn entries(text: &str, limit: usize) -> Result<Option<Vec<&RawValue>>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let entries = Entries { limit }.deserialize(&mut json).and_then(|entries| json.end().map(|()| entries));
    entries.map_err(|_why| Error::parse())
}

struct Entries {
    limit: usize,
}

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Option<Vec<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Option<Vec<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < self.limit {
            match items.next_element()? {
                Some(entry) => entries.push(entry),
                None => return Ok(Some(entries)),
            }
        }
        let mut fits = true;
        while items.next_element::<IgnoredAny>()?.is_some() {
            fits = false;
        }
        Ok(fits.then_some(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_entries_are_kept_than_the_limit() {
        let kept = |text: &str| entries(text, 2).map(|entries| entries.map(|entries| entries.len()));
        assert_eq!(kept("[]"), Ok(Some(0)));
        assert_eq!(kept("[1, {}]"), Ok(Some(2)));
        assert_eq!(kept("[1, 2, 3]"), Ok(None));
        assert_eq!(kept(&format!("[{}1]", "1,".repeat(500_000))), Ok(None));
        for broken in ["[1, 2, 3", "[1,]", "{}", "[1] 2"] {
            assert_eq!(kept(broken), Err(Error::parse()), "{broken}");
        }
    }
}
