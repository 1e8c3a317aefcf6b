//! The calls of one request, and their inputs.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
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
    let mut inputs = inputs(request, paths.len());
    let mut calls = Vec::with_capacity(paths.len());
    for (index, (path, procedure)) in paths.into_iter().zip(procedures).enumerate() {
        let text = match &mut inputs {
            Ok(inputs) => Ok(inputs.get_mut(index).and_then(Option::take)),
            Err(issue) => Err(issue.clone()),
        };
        calls.push(ProcedureCall { path: path.to_owned(), procedure, text });
    }
    Ok(calls)
}

/// The inputs of so many calls.
fn inputs(request: &Request, calls: usize) -> Result<Inputs, Issue> {
    let Some(text) = request.input.as_deref().filter(|text| !text.trim().is_empty()) else { return Ok(Vec::new()) };
    let unreadable = |_| Issue::new("", "invalid_value", "is not valid JSON");
    let whole: Box<RawValue> = serde_json::from_str(text).map_err(unreadable)?;
    if !request.batch {
        return Ok(vec![Some(whole)]);
    }
    if !whole.get().starts_with('{') {
        return Err(Issue::new("", "invalid_type", "must be an object of inputs by index when doing a batch call"));
    }
    InputsByIndex { calls }.deserialize(&mut serde_json::Deserializer::from_str(whole.get())).map_err(unreadable)
}

type Inputs = Vec<Option<Box<RawValue>>>;

/// Reads the inputs of a batch: an object with the index of a call as key. Other members are not kept, however many there
/// are.
struct InputsByIndex {
    calls: usize,
}

impl<'de> DeserializeSeed<'de> for InputsByIndex {
    type Value = Inputs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inputs, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InputsByIndex {
    type Value = Inputs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Inputs, A::Error> {
        let indexes: Vec<String> = (0..self.calls).map(|index| index.to_string()).collect();
        let mut inputs: Inputs = vec![None; self.calls];
        while let Some(key) = members.next_key::<String>()? {
            match indexes.iter().position(|index| *index == key).and_then(|index| inputs.get_mut(index)) {
                Some(input) => *input = Some(members.next_value()?),
                None => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(inputs)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_inputs_of_calls_are_kept() {
        let others: String = (2..50_000).map(|index| format!(r#","{index}":{{}},"0{index}":{{}}"#)).collect();
        let text = format!(r#"{{"0":1,"\u0031":2,"00":3,"0":4{others}}}"#);
        let kept = InputsByIndex { calls: 2 }.deserialize(&mut serde_json::Deserializer::from_str(&text));
        let kept: Vec<String> = kept.into_iter().flatten().flatten().map(|input| input.get().to_owned()).collect();
        assert_eq!(kept, ["4", "2"]);
    }
}
