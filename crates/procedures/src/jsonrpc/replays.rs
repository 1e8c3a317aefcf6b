//! Which answers of a response are kept ones. jsonrpsee's responses have no room for a further member, so it is added to
//! their text.

use jsonrpsee::MethodResponse;
use serde_json::value::RawValue;

use crate::idempotency::IDEMPOTENCY_REPLAYED_MEMBER;

/// For each answer of a response, whether it is the kept one of an earlier call.
#[derive(Clone, Debug)]
pub struct Replays(Vec<bool>);

impl Replays {
    /// The answer of a single call is a kept one.
    pub fn of_call() -> Self {
        Self(vec![true])
    }

    /// Of the responses to the entries of a batch. None when there is no kept one.
    pub fn of_batch(responses: &[MethodResponse]) -> Option<Self> {
        let is_kept = |response: &MethodResponse| response.extensions().get::<Self>().is_some();
        responses.iter().any(is_kept).then(|| Self(responses.iter().map(is_kept).collect()))
    }

    /// Whether all answers are kept ones.
    pub fn are_all(&self) -> bool {
        self.0.iter().all(|kept| *kept)
    }

    /// The text of the response, with a member in each kept answer.
    pub fn mark(&self, body: String) -> String {
        let Ok(answers) = serde_json::from_str::<Vec<&RawValue>>(&body) else { return marked(&body) };
        let kept = self.0.iter().copied().chain(std::iter::repeat(false));
        let texts = answers.into_iter().zip(kept);
        let texts = texts.map(|(answer, kept)| if kept { marked(answer.get()) } else { answer.get().to_owned() });
        format!("[{}]", texts.collect::<Vec<_>>().join(","))
    }
}

/// The text of one answer, which is an object, with the member.
fn marked(answer: &str) -> String {
    let members = answer.trim_end().strip_suffix('}').unwrap_or(answer);
    format!("{members},\"{IDEMPOTENCY_REPLAYED_MEMBER}\":true}}")
}
