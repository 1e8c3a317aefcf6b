//! `hello.*`: a procedure to test the connection and the token with.

use procedures::Access;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    error::Result,
    kernel::{Call, Router},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Hello {
    /// The name to greet.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
}

/// A greeting.
#[derive(Debug, Serialize, JsonSchema)]
struct Greeting {
    /// `hello ` and the text, escaped for HTML.
    greeting: String,
}

/// The procedures of the namespace.
pub fn router() -> Router {
    Router::new("hello")
        .query("hello", Access::User, "Returns a greeting. Call it to test the connection and the token.", hello)
        .one_statement()
        .example(json!({"text": "<world>"}), json!({"greeting": "hello &lt;world&gt;"}))
}

fn hello(_: &mut Call<'_>, input: Hello) -> Result<Greeting> {
    Ok(Greeting { greeting: format!("hello {}", html_escape::encode_safe(&input.text)) })
}
