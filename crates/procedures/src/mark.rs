//! The byte-order mark, which some programs write before UTF-8.

const MARK: &[u8] = "\u{feff}".as_bytes();

/// A message without its byte-order mark (RFC 8259 §8.1 allows readers to ignore it).
pub fn without_mark(message: &[u8]) -> &[u8] {
    message.strip_prefix(MARK).unwrap_or(message)
}
