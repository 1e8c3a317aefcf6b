//! Stripe: prices and plan cards, requests to its API, and the effect of its events on customers.

mod account;
mod breaker;
mod client;
mod effect;
mod event;
pub mod inbox;
mod plan_cards;
mod prices;
mod retry;
pub mod session;
mod signature;

pub use self::{
    account::Stripe,
    client::StripeClient,
    event::Event,
    plan_cards::{Amounts, PlanCard, PlanCards},
    prices::{Interval, Prices},
};
