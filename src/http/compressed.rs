//! Texts that never change, compressed once for the clients that accept it. Answers to calls are not compressed: that would
//! take time at each call, and a proxy can do it (docs/adr/0009-compressed-once.md).

use std::{io::Write, sync::OnceLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, header};

/// A text that may be sent compressed.
pub struct Text {
    plain: Bytes,
    gzip: OnceLock<Option<Bytes>>,
}

impl Text {
    /// A text; its bytes are shared by all responses.
    pub fn new(plain: impl Into<Bytes>) -> Self {
        Self { plain: plain.into(), gzip: OnceLock::new() }
    }

    /// The bytes as they are.
    pub fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// The same, without a share in them.
    pub fn plain_bytes(&self) -> &[u8] {
        &self.plain
    }

    /// The bytes in the coding `gzip`, for a request that accepts it.
    pub fn gzip(&self, request: &HeaderMap) -> Option<Bytes> {
        if !accepts_gzip(request) {
            return None;
        }
        self.gzip.get_or_init(|| compress(&self.plain)).clone()
    }
}

fn compress(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; if it did, the text would be sent as it is.
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether `Accept-Encoding` allows the coding (RFC 9110 §12.5.3). Without the header it is not used.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    let mut by_star = false;
    for item in lists.flat_map(|list| list.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let is_refused = weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32));
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            return !is_refused;
        }
        by_star |= coding == "*" && !is_refused;
    }
    by_star
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_gzip_only_if_it_accepts_it() {
        let accepts = |value: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, http::HeaderValue::from_static(value))]))
        };
        for accepted in ["gzip", "br, gzip", "GZip;q=0.5", "x-gzip", "*", "deflate, *;q=0.1", "gzip;q=1, *;q=0"] {
            assert!(accepts(accepted), "{accepted}");
        }
        for refused in ["", "br", "identity", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzipped"] {
            assert!(!accepts(refused), "{refused}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
