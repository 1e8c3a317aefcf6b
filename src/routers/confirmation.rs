//! The token that binds the deletion of a user to what its caller was shown (docs/API.md, "Deleting a user").

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A digest of a summary, as JSON with an empty token. Only who may see the summary gets it, so it needs no secret.
pub(super) fn confirm_token(summary: &Value) -> String {
    // Versions of this program may write its members in another order.
    let mut sorted = summary.clone();
    sorted.sort_all_objects();
    BASE64URL_NOPAD.encode(&Sha256::digest(sorted.to_string()))
}
