//! Stripe: prices and plan cards, requests to its API, and the effect of its events on customers.

mod account;
mod answer;
mod breaker;
mod client;
mod content;
mod effect;
mod event;
pub mod inbox;
mod plan_cards;
mod prices;
pub mod reconcile;
mod retry;
pub mod session;
mod signature;
pub mod snapshot;
pub mod subscriptions;

pub use self::{
    account::Stripe,
    client::{Created, Retrieved, StripeClient},
    event::Event,
    plan_cards::{Amounts, PlanCard, PlanCards},
    prices::{Interval, Prices},
};
