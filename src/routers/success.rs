//! The output of a mutation that has nothing else to report.

use schemars::JsonSchema;
use serde::Serialize;

/// `{"success": true}`
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Success {
    /// Always true; a failure is an error.
    #[schemars(extend("const" = true))]
    success: bool,
}

/// The only value of [`Success`].
pub const SUCCESS: Success = Success { success: true };
