//! The calls of one request, and their inputs.

use std::{borrow::Cow, collections::HashMap};

use serde_json::{Value, json, value::RawValue};

use super::{request::Request, request::Verb, transformer::Transformer};
use crate::{
    access::Kind,
    echo::echo,
    error::{Error, Issue, Result},
    input::{Input, Parsed},
    procedure::{Procedure, SharedProcedure},
    registry::Catalogue,
    service::LAST_EVENT_ID,
};

/// One call of a request.
pub struct ProcedureCall {
    /// The name that was called; it may be unknown.
    pub path: String,
    /// None for an unknown name.
    pub procedure: Option<SharedProcedure>,
    /// JSON text, or what is wrong with it.
    text: Result<Option<Box<RawValue>>, Issue>,
}

impl ProcedureCall {
    /// The input of the call.
    pub fn input(&self, transformer: Transformer) -> Input<'_> {
        let Some(procedure) = &self.procedure else { return Input::Text(None) };
        match &self.text {
            Ok(text) => input(transformer, text.as_deref().map(RawValue::get), procedure),
            Err(issue) => Input::deferred(|| Parsed { value: None, issues: vec![issue.clone()] }),
        }
    }

    /// Frees the input, which can be as large as a request. For a subscription that has read it.
    pub fn forget_input(&mut self) {
        self.text = Ok(None);
    }

    /// The path; only an unknown one can be longer than what is repeated.
    pub fn echo(&self) -> &str {
        echo(&self.path)
    }

    /// Whether the procedure can be called in this way.
    ///
    /// # Errors
    /// METHOD_NOT_SUPPORTED; BAD_REQUEST for a subscription in a batch.
    pub fn accept(&self, verb: Verb, batch: bool) -> Result<()> {
        let Some(procedure) = &self.procedure else { return Ok(()) };
        if !verb.may_call(procedure.kind) {
            let (verb, kind) = (verb.as_str(), procedure.kind.as_str());
            let what = format!("Unsupported {verb}-request to {kind} procedure at path \"{}\"", self.path);
            return Err(Error::method_not_supported(what));
        }
        if batch && procedure.kind == Kind::Subscription {
            return Err(Error::bad_call("Cannot batch subscription calls"));
        }
        Ok(())
    }
}

/// Splits a request into calls.
///
/// # Errors
/// BAD_REQUEST for a batch that is too large or mixes kinds: the answer to all of its calls.
pub fn calls(catalogue: &Catalogue, request: &Request, limit: usize) -> Result<Vec<ProcedureCall>> {
    let paths: Vec<&str> = if request.batch { request.path.split(',').collect() } else { vec![request.path.as_str()] };
    if paths.len() > limit {
        return Err(Error::bad_call("Batch call exceeds maximum size"));
    }
    let procedures: Vec<_> = paths.iter().map(|path| catalogue.get(path).cloned()).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for procedure in procedures.iter().flatten() {
        if !kinds.contains(&procedure.kind.as_str()) {
            kinds.push(procedure.kind.as_str());
        }
    }
    if kinds.len() > 1 {
        return Err(Error::bad_call(format!("Cannot mix procedure types in call: {}", kinds.join(", "))));
    }
    let mut inputs = inputs(request);
    let mut calls = Vec::with_capacity(paths.len());
    for (index, (path, procedure)) in paths.into_iter().zip(procedures).enumerate() {
        let text = match &mut inputs {
            Ok(inputs) => Ok(inputs.remove(index.to_string().as_str())),
            Err(issue) => Err(issue.clone()),
        };
        calls.push(ProcedureCall { path: path.to_owned(), procedure, text });
    }
    Ok(calls)
}

/// The inputs, by the index of their call.
fn inputs<'a>(request: &'a Request) -> Result<HashMap<Cow<'a, str>, Box<RawValue>>, Issue> {
    let Some(text) = request.input.as_deref().filter(|text| !text.trim().is_empty()) else { return Ok(HashMap::new()) };
    let unreadable = |_| Issue::new("", "invalid_value", "is not valid JSON");
    if !request.batch {
        return Ok(HashMap::from([(Cow::Borrowed("0"), serde_json::from_str(text).map_err(unreadable)?)]));
    }
    let all: &RawValue = serde_json::from_str(text).map_err(unreadable)?;
    if !all.get().starts_with('{') {
        return Err(Issue::new("", "invalid_type", "must be an object of inputs by index when doing a batch call"));
    }
    serde_json::from_str(text).map_err(unreadable)
}

/// The input of a call. Infinite queries (`@trpc/tanstack-react-query`, `@trpc/react-query`) send a `direction` beside the
/// cursor. Pages only go forward, so that value is dropped.
pub fn input<'a>(transformer: Transformer, text: Option<&'a str>, procedure: &'a Procedure) -> Input<'a> {
    let input = transformer.input(text, &procedure.input_dates);
    if procedure.input.document().pointer("/properties/cursor").is_none() {
        return input;
    }
    Input::deferred(|| {
        let Parsed { mut value, issues } = input.read();
        if let Some(Value::Object(fields)) = &mut value
            && fields.get("direction").is_some_and(|direction| direction == "forward")
        {
            fields.remove("direction");
        }
        Parsed { value, issues }
    })
}

/// Merges the last event that a client has seen into its input, as tRPC's own server does.
pub fn resume<'a>(input: Input<'a>, last_event_id: Option<&'a str>) -> Input<'a> {
    let Some(id) = last_event_id else { return input };
    Input::deferred(move || {
        let Parsed { mut value, issues } = input.read();
        if let Some(value) = &mut value {
            merge(value, id);
        }
        Parsed { value, issues }
    })
}

/// An input is an object, null, or an array of at most one of these.
fn merge(input: &mut Value, id: &str) {
    match input {
        Value::Object(fields) => {
            fields.insert(LAST_EVENT_ID.to_owned(), id.into());
        }
        Value::Null => *input = json!({LAST_EVENT_ID: id}),
        Value::Array(items) => match items.as_mut_slice() {
            [] => items.push(json!({LAST_EVENT_ID: id})),
            [item @ (Value::Object(_) | Value::Null)] => merge(item, id),
            _ => {}
        },
        _ => {}
    }
}
