//! What a request calls: one procedure, or a batch of them.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use serde_json::{Value, json, value::RawValue};

use super::Transformer;
use crate::{
    error::{Error, Issue, Result},
    rpc::{
        input::Input,
        kernel::Kernel,
        procedure::{Kind, Procedure},
        watch::LAST_EVENT_ID,
    },
};

/// Characters of an unknown path that are echoed.
const NAME_ECHO: usize = 100;

/// The HTTP methods that tRPC knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    /// One by which nothing can be called.
    Other(&'static str),
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Other(method) => method,
        }
    }

    /// Whether a procedure may be called by this method. Queries may come by POST (`methodOverride`), where an input can
    /// be longer than a URL; what changes something never comes by GET.
    fn calls(self, kind: Kind) -> bool {
        match self {
            Self::Get => kind != Kind::Mutation,
            Self::Post => true,
            Self::Other(_) => false,
        }
    }
}

/// An HTTP request, as far as tRPC looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub verb: Verb,
    pub transformer: Transformer,
    /// Decoded; of a batch, paths joined by commas.
    pub path: &'a str,
    pub batch: bool,
    /// JSON text; None or empty for `undefined`.
    pub input: Option<&'a str>,
    /// The event after which a subscription is to go on.
    pub last_event_id: Option<&'a str>,
}

/// One call of a request.
pub(super) struct Call {
    pub path: String,
    pub procedure: Option<Arc<Procedure>>,
    text: Result<Option<Box<RawValue>>, Issue>,
}

impl Call {
    pub fn input(&self, transformer: Transformer) -> Input<'_> {
        let Some(procedure) = &self.procedure else { return Input::Text(None) };
        match &self.text {
            Ok(text) => input(transformer, text.as_deref().map(RawValue::get), procedure),
            Err(issue) => Input::late(|| (None, vec![issue.clone()])),
        }
    }

    /// The path, but not at any length.
    pub fn echo(&self) -> &str {
        echo(&self.path)
    }

    /// Whether the call may come like this.
    ///
    /// # Errors
    /// METHOD_NOT_SUPPORTED; BAD_REQUEST for a subscription in a batch.
    pub fn accept(&self, verb: Verb, batch: bool) -> Result<()> {
        let Some(procedure) = &self.procedure else { return Ok(()) };
        if !verb.calls(procedure.kind) {
            let (verb, kind) = (verb.as_str(), procedure.kind.as_str());
            let what = format!("Unsupported {verb}-request to {kind} procedure at path \"{}\"", self.path);
            return Err(Error::MethodNotSupported(what.into()));
        }
        if batch && procedure.kind == Kind::Subscription {
            return Err(Error::BadCall("Cannot batch subscription calls".into()));
        }
        Ok(())
    }
}

/// Takes a request apart.
///
/// # Errors
/// BAD_REQUEST for a batch that is too large or mixes kinds: the answer to all of its calls.
pub(super) fn calls(kernel: &Kernel, request: &Request<'_>, most: usize) -> Result<Vec<Arc<Call>>> {
    let paths: Vec<&str> = if request.batch { request.path.split(',').collect() } else { vec![request.path] };
    if paths.len() > most {
        return Err(Error::BadCall("Batch call exceeds maximum size".into()));
    }
    let procedures: Vec<_> = paths.iter().map(|path| kernel.registry().get(path).cloned()).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for procedure in procedures.iter().flatten() {
        if !kinds.contains(&procedure.kind.as_str()) {
            kinds.push(procedure.kind.as_str());
        }
    }
    if kinds.len() > 1 {
        return Err(Error::BadCall(format!("Cannot mix procedure types in call: {}", kinds.join(", ")).into()));
    }
    let mut inputs = inputs(request);
    let mut calls = Vec::with_capacity(paths.len());
    for (index, (path, procedure)) in paths.into_iter().zip(procedures).enumerate() {
        let text = match &mut inputs {
            Ok(inputs) => Ok(inputs.remove(index.to_string().as_str())),
            Err(issue) => Err(issue.clone()),
        };
        calls.push(Arc::new(Call { path: path.to_owned(), procedure, text }));
    }
    Ok(calls)
}

/// The inputs by the index of their call.
fn inputs<'a>(request: &Request<'a>) -> Result<HashMap<Cow<'a, str>, Box<RawValue>>, Issue> {
    let Some(text) = request.input.filter(|text| !text.trim().is_empty()) else { return Ok(HashMap::new()) };
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

/// The input of a call. Infinite queries (`@trpc/tanstack-react-query`, `@trpc/react-query`) send a direction beside the
/// cursor. Pages have only the one, so it goes without saying.
pub(super) fn input<'a>(transformer: Transformer, text: Option<&'a str>, procedure: &'a Procedure) -> Input<'a> {
    let input = transformer.input(text, &procedure.input_dates);
    if procedure.input.document().pointer("/properties/cursor").is_none() {
        return input;
    }
    Input::late(|| {
        let (mut value, issues) = input.read();
        if let Some(Value::Object(fields)) = &mut value
            && fields.get("direction").is_some_and(|direction| direction == "forward")
        {
            fields.remove("direction");
        }
        (value, issues)
    })
}

/// Puts the last event that a client has seen into its input, as tRPC's own server does.
pub(super) fn resume<'a>(input: Input<'a>, last_event_id: Option<&'a str>) -> Input<'a> {
    let Some(id) = last_event_id else { return input };
    Input::late(move || {
        let (mut value, issues) = input.read();
        if let Some(value) = &mut value {
            go_on(value, id);
        }
        (value, issues)
    })
}

/// An input is an object, nothing, or an array of one of these.
fn go_on(input: &mut Value, id: &str) {
    match input {
        Value::Object(fields) => {
            fields.insert(LAST_EVENT_ID.to_owned(), id.into());
        }
        Value::Null => *input = json!({LAST_EVENT_ID: id}),
        Value::Array(items) => match items.as_mut_slice() {
            [] => items.push(json!({LAST_EVENT_ID: id})),
            [item @ (Value::Object(_) | Value::Null)] => go_on(item, id),
            _ => {}
        },
        _ => {}
    }
}

/// A path that may be anything, but not at any length.
pub(super) fn echo(path: &str) -> &str {
    path.char_indices().nth(NAME_ECHO).and_then(|(end, _)| path.get(..end)).unwrap_or(path)
}
