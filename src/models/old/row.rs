//! The rows of the old server's tables.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Bool, Nullable, Text, Timestamp as Moment},
};

use super::columns::OldColumns;
use crate::{
    db::Timestamp,
    models::{k8s::Status, plan::Plan, user::Role},
};

/// A row that is read in the order of its owners.
pub trait OldRow {
    /// Its table.
    const TABLE: &'static str;
    /// A query for all rows, ordered by the owner's id as bytes.
    fn query(columns: &OldColumns) -> String;
    /// The id of the user to whom it belongs.
    fn owner(&self) -> &str;
}

/// A row of "User".
#[derive(Clone, Debug, QueryableByName)]
pub struct OldUser {
    /// The identity provider's id of the user.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// What the user is called.
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    /// Unique, unless the index is missing.
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    /// The URL of a picture.
    #[diesel(sql_type = Nullable<Text>)]
    pub image: Option<String>,
    /// What the user may do.
    #[diesel(sql_type = Text)]
    pub role: Role,
}

impl OldRow for OldUser {
    const TABLE: &'static str = "User";

    fn query(columns: &OldColumns) -> String {
        let text = |column| columns.text("User", column);
        let (name, email, image, role) = (text("name"), text("email"), text("image"), text("role"));
        format!(
            "SELECT id::text AS id, {name} AS name, {email} AS email, {image} AS image, coalesce({role}, 'USER') AS role \
             FROM \"User\" ORDER BY id::text COLLATE \"C\""
        )
    }

    fn owner(&self) -> &str {
        &self.id
    }
}

/// A row of "Customer".
#[derive(Clone, Debug, QueryableByName)]
pub struct OldCustomer {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The user, who may be missing.
    #[diesel(sql_type = Text)]
    pub auth_user_id: String,
    /// The name on the invoices.
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    /// The plan of the subscription.
    #[diesel(sql_type = Nullable<Text>)]
    pub plan: Option<Plan>,
    /// Stripe's id of the customer.
    #[diesel(sql_type = Nullable<Text>)]
    pub stripe_customer_id: Option<String>,
    /// Stripe's id of the subscription.
    #[diesel(sql_type = Nullable<Text>)]
    pub stripe_subscription_id: Option<String>,
    /// Stripe's id of its price.
    #[diesel(sql_type = Nullable<Text>)]
    pub stripe_price_id: Option<String>,
    /// When the paid period ends.
    #[diesel(sql_type = Nullable<Moment>)]
    pub stripe_current_period_end: Option<Timestamp>,
    /// When it was created.
    #[diesel(sql_type = Moment)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[diesel(sql_type = Moment)]
    pub updated_at: Timestamp,
    /// Whether one of its times is outside the years 1 to 9999; it is then the nearest within them.
    #[diesel(sql_type = Bool)]
    pub has_odd_time: bool,
}

impl OldRow for OldCustomer {
    const TABLE: &'static str = "Customer";

    fn query(columns: &OldColumns) -> String {
        let text = |column| columns.text("Customer", column);
        let moment = |column| columns.moment("Customer", column);
        let odd = columns.odd_time("Customer", &["createdAt", "updatedAt", "stripeCurrentPeriodEnd"]);
        format!(
            "SELECT id::bigint AS id, coalesce({owner}, '') AS auth_user_id, {name} AS name, {plan} AS plan, \
             {customer} AS stripe_customer_id, {subscription} AS stripe_subscription_id, {price} AS stripe_price_id, \
             {end} AS stripe_current_period_end, {created} AS created_at, coalesce({updated}, {created}) AS updated_at, \
             {odd} AS has_odd_time FROM \"Customer\" ORDER BY coalesce({owner}, '') COLLATE \"C\", id",
            owner = text("authUserId"),
            name = text("name"),
            plan = text("plan"),
            customer = text("stripeCustomerId"),
            subscription = text("stripeSubscriptionId"),
            price = text("stripePriceId"),
            end = moment("stripeCurrentPeriodEnd"),
            created = moment("createdAt"),
            updated = moment("updatedAt"),
        )
    }

    fn owner(&self) -> &str {
        &self.auth_user_id
    }
}

/// A row of "K8sClusterConfig".
#[derive(Clone, Debug, QueryableByName)]
pub struct OldCluster {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The owner's name for it.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Where it runs.
    #[diesel(sql_type = Text)]
    pub location: String,
    /// The owner, who may be missing.
    #[diesel(sql_type = Text)]
    pub auth_user_id: String,
    /// The plan it occupies.
    #[diesel(sql_type = Nullable<Text>)]
    pub plan: Option<Plan>,
    /// Its network.
    #[diesel(sql_type = Nullable<Text>)]
    pub network: Option<String>,
    /// Its state.
    #[diesel(sql_type = Nullable<Text>)]
    pub status: Option<Status>,
    /// When it was created.
    #[diesel(sql_type = Moment)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[diesel(sql_type = Moment)]
    pub updated_at: Timestamp,
    /// When it was deleted, if it is. With only a flag in the table, when it was last changed.
    #[diesel(sql_type = Nullable<Moment>)]
    pub deleted_at: Option<Timestamp>,
    /// Whether one of its times is outside the years 1 to 9999; it is then the nearest within them.
    #[diesel(sql_type = Bool)]
    pub has_odd_time: bool,
}

impl OldRow for OldCluster {
    const TABLE: &'static str = "K8sClusterConfig";

    fn query(columns: &OldColumns) -> String {
        let table = Self::TABLE;
        let text = |column| columns.text(table, column);
        let moment = |column| columns.moment(table, column);
        let updated = format!("coalesce({}, {})", moment("updatedAt"), moment("createdAt"));
        let flag = if columns.has(table, "delete") { "\"delete\"" } else { "false" };
        let odd = columns.odd_time(table, &["createdAt", "updatedAt", "deletedAt"]);
        format!(
            "SELECT id::bigint AS id, {name} AS name, {location} AS location, coalesce({owner}, '') AS auth_user_id, \
             {plan} AS plan, {network} AS network, {status} AS status, {created} AS created_at, {updated} AS updated_at, \
             coalesce({deleted}, CASE WHEN {flag} THEN {updated} END) AS deleted_at, {odd} AS has_odd_time \
             FROM \"{table}\" ORDER BY coalesce({owner}, '') COLLATE \"C\", id",
            name = text("name"),
            location = text("location"),
            owner = text("authUserId"),
            plan = text("plan"),
            network = text("network"),
            status = text("status"),
            created = moment("createdAt"),
            deleted = moment("deletedAt"),
        )
    }

    fn owner(&self) -> &str {
        &self.auth_user_id
    }
}

/// A row of "StripeWebhookEvent", an event that the old server has processed.
#[derive(Clone, Debug, QueryableByName)]
pub struct OldEvent {
    /// Stripe's id.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// Stripe's type of the event.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// When it arrived.
    #[diesel(sql_type = Moment)]
    pub created_at: Timestamp,
    /// When it was processed.
    #[diesel(sql_type = Moment)]
    pub updated_at: Timestamp,
}

impl OldRow for OldEvent {
    const TABLE: &'static str = "StripeWebhookEvent";

    fn query(columns: &OldColumns) -> String {
        let table = Self::TABLE;
        let (kind, created) = (columns.text(table, "eventType"), columns.moment(table, "createdAt"));
        let updated = columns.moment(table, "updatedAt");
        format!(
            "SELECT id::text AS id, coalesce({kind}, '') AS kind, {created} AS created_at, \
             coalesce({updated}, {created}) AS updated_at FROM \"{table}\" WHERE processed ORDER BY id::text COLLATE \"C\""
        )
    }

    /// Events belong to nobody; each is a group of its own.
    fn owner(&self) -> &str {
        &self.id
    }
}
