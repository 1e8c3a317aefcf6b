//! What an operator's commands read to compare the database with Stripe, and the Stripe customers that are gone.

use clusterdesk::{
    db::Timestamp,
    models::{customer::Customer, gone_stripe_customer::GoneStripeCustomer, stripe_subscription::StripeSubscription},
};

use super::{Case, case};

/// The model functions, with the indexes that may serve their statements.
pub fn cases() -> Vec<Case> {
    let now = Timestamp::now();
    vec![
        case(|conn| assert_eq!(StripeSubscription::unfinished(conn, "sub_7", 9).unwrap().len(), 9), &[]),
        case(|conn| assert_eq!(Customer::page(conn, 7, 9).unwrap().len(), 9), &[]),
        case(|conn| assert!(!Customer::pick(conn, |customer| Some(customer.id)).unwrap().is_empty()), &[]),
        case(|conn| assert_eq!(Customer::subscriber(conn, "sub_nobody"), Ok(None)), &[]),
        case(move |conn| assert_eq!(Customer::unlink(conn, "user_1", "cus_nobody", now), Ok(None)), &[]),
        case(
            |conn| {
                let gone = GoneStripeCustomer::of(conn, "user_7").unwrap().remove(0);
                assert_eq!(gone.store(conn), Ok(false));
            },
            &["gone_stripe_customers_auth_user_id"],
        ),
    ]
}
