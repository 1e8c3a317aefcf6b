//! Strings that name something and are compared exactly, such as user ids.
//!
//! Other strings are trimmed. An identifier must not be: the input `"alice "` would then act on `alice`.

/// The `format` of an identifier in an input's schema. Such a string is not trimmed, and refused if it has white space at
/// an end or a control character: `#[schemars(extend("format" = "identifier"))]`.
pub const IDENTIFIER: &str = "identifier";

/// Whether `text` has neither white space at an end nor a control character.
pub fn is_identifier(text: &str) -> bool {
    text.trim() == text && !text.contains(char::is_control)
}
