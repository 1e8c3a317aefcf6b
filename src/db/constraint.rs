//! Which unique constraint a write violated. PostgreSQL reports the constraint's name, SQLite the columns.

use diesel::result::{DatabaseErrorKind, Error};

/// The unique constraints that callers' writes can violate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    /// One live cluster per owner and plan.
    LiveCluster,
    /// One customer per user.
    CustomerUser,
    /// One user per Stripe customer.
    StripeCustomer,
    /// One user per Stripe subscription.
    StripeSubscription,
    /// One user per email.
    UserEmail,
    /// One user per id.
    UserId,
}

impl Constraint {
    const ALL: [Self; 6] = [
        Self::LiveCluster,
        Self::CustomerUser,
        Self::StripeCustomer,
        Self::StripeSubscription,
        Self::UserEmail,
        Self::UserId,
    ];

    fn postgres_name(self) -> &'static str {
        match self {
            Self::LiveCluster => "k8s_cluster_configs_live_owner_plan",
            Self::CustomerUser => "customers_auth_user_id_key",
            Self::StripeCustomer => "customers_stripe_customer_id_key",
            Self::StripeSubscription => "customers_stripe_subscription_id_key",
            Self::UserEmail => "users_email_key",
            Self::UserId => "users_pkey",
        }
    }

    fn sqlite_message(self) -> &'static str {
        match self {
            Self::LiveCluster => "UNIQUE constraint failed: k8s_cluster_configs.auth_user_id, k8s_cluster_configs.plan",
            Self::CustomerUser => "UNIQUE constraint failed: customers.auth_user_id",
            Self::StripeCustomer => "UNIQUE constraint failed: customers.stripe_customer_id",
            Self::StripeSubscription => "UNIQUE constraint failed: customers.stripe_subscription_id",
            Self::UserEmail => "UNIQUE constraint failed: users.email",
            Self::UserId => "UNIQUE constraint failed: users.id",
        }
    }

    /// The constraint that `error` reports as violated; None for any other error.
    pub fn violated(error: &Error) -> Option<Self> {
        let Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) = error else { return None };
        Self::ALL.into_iter().find(|constraint| match info.constraint_name() {
            Some(name) => name == constraint.postgres_name(),
            None => info.message() == constraint.sqlite_message(),
        })
    }
}
