//! Inputs at a mount that speaks superjson: types that JSON lacks are annotated by path.

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::Full;
use serde_json::Value;

use crate::{
    answer::{check, code_of_outcome, json},
    app::run,
    request::answer,
};

/// Calls a procedure that answers its input. Either the input is refused with its issues, or the answer is accepted as an
/// input again and answered by itself.
pub fn superjson(bytes: &[u8]) {
    let first = place(bytes);
    check(code_of_outcome(&first, true));
    let Some(output) = first.pointer("/result/data") else {
        let data = first.pointer("/error/json/data").or_else(|| first.pointer("/error/data")).unwrap();
        // A body that is not UTF-8 has no input to have issues.
        let has_issues = data["issues"].as_array().is_some_and(|issues| !issues.is_empty());
        assert!(has_issues || std::str::from_utf8(bytes).is_err() || data["code"] == "PAYLOAD_TOO_LARGE", "{first}");
        return;
    };
    let second = place(output.to_string().as_bytes());
    assert_eq!(second, first, "the output is not the same as an input");
}

fn place(input: &[u8]) -> Value {
    let request = Request::post("/trpc/order.place").header(CONTENT_TYPE, "application/json");
    let request = request.body(Full::new(Bytes::copy_from_slice(input))).unwrap();
    json(&run(async |app| answer(&app.superjson, request).await).body).unwrap()
}
