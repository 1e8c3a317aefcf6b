//! Mutations that make their change in one step, which is taken for all calls of a group with one statement.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    audit::Audited,
    call::Call,
    json::{decode, encode},
    run::Written,
};
use crate::{db::Step, error::Result, models::user::User};

/// A mutation that decides, then takes one step, then answers.
pub trait InStep: 'static {
    /// What the caller sends.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// What the caller gets.
    type Output: Serialize + JsonSchema;
    /// The step.
    type Step: Step;

    /// Decides what the step is to do. It must not write.
    ///
    /// # Errors
    /// When the call is refused.
    fn wish(call: &mut Call<'_>, input: &Self::Input) -> Result<<Self::Step as Step>::Wish>;

    /// Answers the caller after the step.
    ///
    /// # Errors
    /// When the step has changed nothing.
    fn answer(
        caller: &User,
        input: Self::Input,
        outcome: <Self::Step as Step>::Outcome,
    ) -> Result<Audited<Self::Output>>;
}

/// The handler of such a mutation.
pub(super) fn begin<M: InStep>(call: &mut Call<'_>, input: Value) -> Result<Written> {
    let input: M::Input = decode(input)?;
    let caller = call.caller()?.clone();
    let wish = M::wish(call, &input)?;
    let ticket = call.batch.queue::<M::Step>(call.conn, wish)?;
    Ok(Written::Waits(Box::new(move |batch| {
        M::answer(&caller, input, batch.outcome::<M::Step>(ticket)?)?.try_map(encode)
    })))
}
