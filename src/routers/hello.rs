//! `hello.*`: proof that the line works.

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
    /// Whom to greet.
    #[schemars(length(min = 1, max = 1000))]
    text: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Greeting {
    /// "hello " and the text, safe to put into HTML.
    greeting: String,
}

pub fn router() -> Router {
    Router::new("hello")
        .query("hello", Access::User, "Greets, to prove that the line works.", hello)
        .one_statement()
        .example(json!({"text": "<world>"}), json!({"greeting": "hello &lt;world&gt;"}))
}

fn hello(_: &mut Call<'_>, input: Hello) -> Result<Greeting> {
    Ok(Greeting { greeting: format!("hello {}", html_escape::encode_safe(&input.text)) })
}
