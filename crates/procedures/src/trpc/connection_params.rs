//! tRPC's `connectionParams`: what clients send that can't set headers.

use std::{collections::BTreeMap, fmt};

use crate::error::{Error, Result};

/// Bytes of the JSON text. It is read before the caller is known.
const MAX_BYTES: usize = 16 * 1024;

/// Names and values. They may hold secrets and are never printed.
#[derive(Clone, Default)]
pub struct ConnectionParams(BTreeMap<String, String>);

impl ConnectionParams {
    /// Reads JSON: an object of strings, or null.
    ///
    /// # Errors
    /// PARSE_ERROR; BAD_REQUEST for more than 16 KiB.
    pub fn read(json: &str) -> Result<Self> {
        if json.len() > MAX_BYTES {
            return Err(Error::bad_call(format!("connectionParams may have at most {MAX_BYTES} bytes.")));
        }
        let params: Option<BTreeMap<String, String>> = serde_json::from_str(json).map_err(|_why| Error::parse())?;
        Ok(Self(params.unwrap_or_default()))
    }

    /// The value of a parameter. Case does not matter, as in headers.
    pub fn get(&self, wanted: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for ConnectionParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionParams")
    }
}
