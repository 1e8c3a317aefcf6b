//! `admin.getUser` and `admin.names`: a user as admins see them, and the names of several.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{cluster::ClusterOutput, customer::CustomerOutput};
use crate::{
    db::Timestamp,
    error::{Error, Result},
    kernel::Call,
    models::{
        any_user::AnyUser, customer::Customer, k8s::Cluster, plan::Plan, stripe_subscription::StripeSubscription,
        user::Role,
    },
    stripe::{Interval, Prices},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct OneUser {
    #[schemars(length(min = 1, max = 255), extend("format" = "identifier"))]
    pub(super) user_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SeveralUsers {
    /// Ids of users, in any order.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 255)))]
    user_ids: Vec<String>,
}

/// A user, live or soft-deleted, with everything that the server knows of their payments.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserDetail {
    id: String,
    name: Option<String>,
    email: Option<String>,
    /// The URL of a picture.
    image: Option<String>,
    role: Role,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// When the user was soft-deleted; null while the user is active.
    deleted_at: Option<Timestamp>,
    /// Null if the user is not a customer.
    customer: Option<CustomerOutput>,
    /// The highest plan that the user may use now.
    allowance: Plan,
    /// Whether a paid subscription is running, the day of grace included.
    is_paying: bool,
    /// Whether the subscription that decides the plan ends with its period.
    is_canceled: bool,
    /// Every Stripe subscription of the user that is known.
    subscriptions: Vec<Subscription>,
    /// The active clusters, oldest first.
    clusters: Vec<ClusterOutput>,
    /// Whether the server's Stripe key is one for tests; null if there is none, or it does not say so.
    stripe_test_mode: Option<bool>,
}

/// The newest known state of a Stripe subscription.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StripeSubscription")]
struct Subscription {
    id: String,
    stripe_customer_id: Option<String>,
    /// Stripe's status, such as `active` or `past_due`; null if it is not known yet.
    status: Option<String>,
    /// The plan of its price; null if the price is not configured.
    plan: Option<Plan>,
    /// The billing interval of its price; null if the price is not configured.
    interval: Option<Interval>,
    price_id: Option<String>,
    period_start: Option<Timestamp>,
    period_end: Option<Timestamp>,
    /// Whether it ends with the current period.
    cancel_at_period_end: bool,
    /// Start of the latest period for which an invoice was paid; null if none was.
    paid_from: Option<Timestamp>,
    /// End of that period.
    paid_until: Option<Timestamp>,
    /// The time of the event that reported this state.
    reported_at: Option<Timestamp>,
}

/// What a user is called.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NamedUser {
    id: String,
    /// Null if the user has none, and after a soft deletion.
    name: Option<String>,
    /// When the user was soft-deleted; null while the user is active.
    deleted_at: Option<Timestamp>,
}

/// The handler of `admin.getUser`.
///
/// # Errors
/// NOT_FOUND, also for a user who was deleted for good.
pub(super) fn get(call: &mut Call<'_>, input: OneUser) -> Result<UserDetail> {
    let user = AnyUser::find(call.conn, &input.user_id)?.ok_or(Error::NotFound("user"))?;
    let customer = Customer::of(call.conn, &user.id)?;
    let subscriptions = StripeSubscription::of(call.conn, &user.id)?;
    let clusters = Cluster::of(call.conn, &user.id)?;
    Ok(UserDetail {
        id: user.id,
        name: user.name,
        email: user.email,
        image: user.image,
        role: user.role,
        created_at: user.created_at,
        updated_at: user.updated_at,
        deleted_at: user.deleted_at,
        allowance: customer.as_ref().map_or(Plan::Free, |customer| customer.allowance(call.now)),
        is_paying: customer.as_ref().is_some_and(|customer| customer.is_paying(call.now)),
        is_canceled: customer.as_ref().is_some_and(|customer| customer.stripe_cancel_at_period_end),
        customer: customer.map(CustomerOutput::from),
        subscriptions: subscriptions.into_iter().map(|one| Subscription::new(one, call.stripe.prices())).collect(),
        clusters: clusters.into_iter().map(ClusterOutput::from).collect(),
        stripe_test_mode: call.stripe.is_live().map(|is_live| !is_live),
    })
}

/// The handler of `admin.names`. Users without a row are left out.
pub(super) fn names(call: &mut Call<'_>, input: SeveralUsers) -> Result<Vec<NamedUser>> {
    let ids: Vec<&str> = input.user_ids.iter().map(String::as_str).collect();
    Ok(AnyUser::among(call.conn, &ids)?.into_iter().map(NamedUser::from).collect())
}

impl Subscription {
    fn new(subscription: StripeSubscription, prices: &Prices) -> Self {
        let price = subscription.price_id.as_deref().and_then(|price| prices.find(price));
        Self {
            id: subscription.id,
            stripe_customer_id: subscription.stripe_customer_id,
            status: subscription.status,
            plan: price.map(|(plan, _)| plan),
            interval: price.map(|(_, interval)| interval),
            price_id: subscription.price_id,
            period_start: subscription.period_start,
            period_end: subscription.period_end,
            cancel_at_period_end: subscription.cancel_at_period_end,
            paid_from: subscription.paid_from,
            paid_until: subscription.paid_until,
            reported_at: subscription.event_created_at,
        }
    }
}

impl From<AnyUser> for NamedUser {
    fn from(AnyUser { id, name, deleted_at, .. }: AnyUser) -> Self {
        Self { id, name, deleted_at }
    }
}
