//! Requests to the tRPC wire: path, query, batch and body.

use serde_json::Value;

use crate::{
    answer::{check, code_of, code_of_outcome, json, unwrapped},
    app::run,
    request::{Answer, answer, read},
};

/// Answers one request, in plain JSON and in superjson. Every call of a batch gets exactly one answer.
pub fn trpc_request(bytes: &[u8]) {
    for superjson in [false, true] {
        let Some(request) = read(bytes) else { return };
        let path = request.uri().path().to_owned();
        let query: Vec<(String, String)> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
        if !path.starts_with("/trpc/") {
            return;
        }
        let is_batch = query.iter().rev().find(|(name, _)| name == "batch").is_some_and(|(_, value)| value == "1");
        let answer = run(async |app| answer(if superjson { &app.superjson } else { &app.plain }, request).await);
        // A comma that is percent-encoded separates calls, too.
        let calls = path.to_ascii_lowercase().replace("%2c", ",").split(',').count();
        check_answer(&answer, superjson, is_batch.then_some(calls));
    }
}

fn check_answer(answer: &Answer, superjson: bool, batch: Option<usize>) {
    let Answer { status, content_type, body } = answer;
    match content_type.as_str() {
        "text/event-stream" => {
            assert_eq!(*status, 200);
            check_events(body, superjson);
        }
        "application/json" => match (serde_json::from_str::<Value>(body), batch) {
            (Ok(Value::Array(answers)), Some(calls)) => {
                assert_eq!(answers.len(), calls, "{body}");
                answers.iter().for_each(|answer| _ = check(code_of_outcome(answer, superjson)));
                let statuses = answers.iter().map(|answer| status_of(answer, superjson));
                assert!(
                    *status == 207 || statuses.into_iter().all(|one| one == u64::from(*status)),
                    "{status}: {body}"
                );
            }
            // One error for all calls, or a call that is not in a batch.
            (Ok(whole @ Value::Object(_)), _) if whole.get("error").is_some() || batch.is_none() => {
                check(code_of_outcome(&whole, superjson));
                assert_eq!(u64::from(*status), status_of(&whole, superjson), "{body}");
            }
            // Lines: one that announces the calls, then one for each error and three for each output.
            _ => {
                assert_eq!(*status, 200, "{body}");
                let lines: Vec<Value> = body.lines().map(|line| json(line).unwrap()).collect();
                let announced = unwrapped(&lines[0], superjson).as_object().expect(body).len();
                assert_eq!(Some(announced), batch, "{body}");
                let errors = body.lines().filter(|line| line.contains(r#"[[{"error":{"#)).count();
                assert_eq!(lines.len(), 1 + 3 * announced - 2 * errors, "{body}");
            }
        },
        other => panic!("unexpected content type {other:?}: {body}"),
    }
}

fn status_of(answer: &Value, superjson: bool) -> u64 {
    answer.get("error").map_or(200, |error| unwrapped(error, superjson)["data"]["httpStatus"].as_u64().unwrap())
}

/// Server-sent events: `connected`, then data, or an error at the end.
fn check_events(body: &str, superjson: bool) {
    assert!(body.starts_with("event: connected\n") && body.ends_with("\n\n"), "{body}");
    for event in body.trim_end().split("\n\n") {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let data = json(field("data").unwrap_or_else(|| panic!("no data: {body}"))).unwrap();
        match field("event") {
            Some("connected") => assert!(data["reconnectAfterInactivityMs"].is_u64()),
            Some("serialized-error") => _ = check(code_of(unwrapped(&data, superjson)).map(Some)),
            None => assert!(unwrapped(&data, superjson).is_string() && field("id").is_some(), "{body}"),
            Some(other) => panic!("unexpected event {other}: {body}"),
        }
    }
}
