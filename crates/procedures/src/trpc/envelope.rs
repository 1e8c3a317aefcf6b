//! Whether inputs come in superjson's envelope, found without keeping anything of them.

use std::fmt;

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// Whether a JSON value is an object with `json`, and nothing else but `meta`.
pub struct Envelope(pub bool);

/// A key of an envelope.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Json,
    Meta,
    #[serde(other)]
    Other,
}

/// Whether all members of an object are envelopes, as the inputs of a batch are.
pub struct Envelopes(pub bool);

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Envelope;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Envelope, A::Error> {
                let (mut has_json, mut has_others) = (false, false);
                while let Some((key, _)) = members.next_entry::<Key, IgnoredAny>()? {
                    has_json |= matches!(key, Key::Json);
                    has_others |= matches!(key, Key::Other);
                }
                Ok(Envelope(has_json && !has_others))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Envelope, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Envelope(false))
            }

            fn visit_str<E>(self, _: &str) -> Result<Envelope, E> {
                Ok(Envelope(false))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Envelope, E> {
                Ok(Envelope(false))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Envelope, E> {
                Ok(Envelope(false))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Envelope, E> {
                Ok(Envelope(false))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Envelope, E> {
                Ok(Envelope(false))
            }

            fn visit_unit<E>(self) -> Result<Envelope, E> {
                Ok(Envelope(false))
            }
        }

        deserializer.deserialize_any(Keys)
    }
}

impl<'de> Deserialize<'de> for Envelopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Envelopes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Envelopes, A::Error> {
                let mut all = true;
                while let Some((_, Envelope(is_one))) = members.next_entry::<IgnoredAny, Envelope>()? {
                    all &= is_one;
                }
                Ok(Envelopes(all))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
