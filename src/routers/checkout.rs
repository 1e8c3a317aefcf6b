//! `stripe.createSession`: which page of Stripe a user gets, and as which Stripe customer.

use serde_json::json;

use crate::{
    config::Origin,
    db::Timestamp,
    error::{Error, Result},
    kernel::{AsyncCall, Audited, Call},
    models::{customer::Customer, gone_stripe_customer::GoneStripeCustomer, user::User},
    stripe::{
        Created, StripeClient, session,
        subscriptions::{Subscriptions, ask_for_open, has_open},
    },
};

/// A user's wish to pay.
pub(super) struct Request<'a> {
    pub call: &'a AsyncCall,
    pub user: &'a User,
    /// A price that this server sells.
    pub price: &'a str,
    pub client: &'a StripeClient,
    pub app: &'a Origin,
}

/// A page of Stripe, with the id of the Stripe customer who may open it.
#[derive(Clone, Debug)]
pub(super) enum Page {
    /// To change, pay or cancel a subscription.
    Portal(String),
    /// To buy a subscription.
    Checkout(String),
}

/// What is known about the user's payments.
struct Account {
    customer: Option<Customer>,
    subscriptions: Subscriptions,
}

impl Page {
    /// Whether it is the customer portal.
    pub(super) fn is_portal(&self) -> bool {
        matches!(self, Self::Portal(_))
    }

    fn stripe_customer(&self) -> &str {
        match self {
            Self::Portal(id) | Self::Checkout(id) => id,
        }
    }
}

impl Request<'_> {
    /// Creates a session. If the Stripe customer is gone, the user becomes another one, once.
    pub(super) async fn open(&self) -> Result<(Page, Created)> {
        let page = self.page().await?;
        match self.session(&page).await {
            // A price that is missing has the same code, and a new customer would not help.
            Err(Error::NotAtStripe { param }) if param == "customer" => {
                self.replace(page.stripe_customer()).await?;
                let page = self.page().await?;
                Ok((page.clone(), self.session(&page).await?))
            }
            created => Ok((page, created?)),
        }
    }

    async fn page(&self) -> Result<Page> {
        let Account { customer, subscriptions } = self.account().await?;
        let (record, prices) = (customer.as_ref(), self.call.stripe().prices());
        let stripe_customer = record.and_then(|customer| customer.stripe_customer_id.clone());
        if let Some(open) = subscriptions.open(record, prices)
            && let Some(id) = open.stripe_customer_id.clone().or_else(|| stripe_customer.clone())
        {
            return Ok(Page::Portal(id));
        }
        let is_paying = record.is_some_and(|customer| customer.is_paying(self.call.now));
        if is_paying
            && subscriptions.gone.is_empty()
            && let Some(id) = stripe_customer
        {
            return Ok(Page::Portal(id));
        }
        let (unknown, deadline) = (subscriptions.unknown(record), self.call.deadline().into());
        if let Some(id) = ask_for_open(self.client, &unknown, deadline).await? {
            return Ok(Page::Portal(id));
        }
        match stripe_customer {
            // The event of a purchase may be on its way, or lost.
            Some(id) if has_open(self.client, &id, prices, deadline).await? => Ok(Page::Portal(id)),
            Some(id) => Ok(Page::Checkout(id)),
            None => {
                let replaces = subscriptions.gone.last().map(|gone| gone.id.as_str());
                let created = self.new_customer(replaces).await?;
                // Stored before anything else can fail: after a day Stripe forgets the key and would create another.
                let link = link(self.user.id.clone(), created, None);
                Ok(Page::Checkout(self.call.write(link).await?))
            }
        }
    }

    async fn account(&self) -> Result<Account> {
        let user_id = self.user.id.clone();
        let read = move |call: &mut Call<'_>| {
            let customer = Customer::of(call.conn, &user_id)?;
            Ok(Account { customer, subscriptions: Subscriptions::of(call.conn, &user_id)? })
        };
        self.call.read(read).await
    }

    async fn session(&self, page: &Page) -> Result<Created> {
        let (path, form) = match page {
            Page::Portal(id) => (session::PORTAL, session::portal(id, self.app)),
            Page::Checkout(id) => (session::CHECKOUT, session::checkout(self.user, id, self.price, self.app)),
        };
        self.create(path, &form).await
    }

    async fn new_customer(&self, replaces: Option<&str>) -> Result<String> {
        Ok(self.create(session::CUSTOMERS, &session::customer(self.user, replaces)).await?.id)
    }

    async fn create(&self, path: &str, form: &session::Form) -> Result<Created> {
        let now = self.call.now.millis().div_euclid(1000);
        let key = session::idempotency_key(self.user, path, form, now);
        self.client.create(path, form, &key, self.call.deadline().into()).await
    }

    /// Replaces a Stripe customer that is gone.
    async fn replace(&self, gone: &str) -> Result<()> {
        let kept = self.account().await?.customer.and_then(|customer| customer.stripe_customer_id);
        let created = match kept {
            // The gone one was that of a subscription only, or another call was faster.
            Some(other) if other != gone => other,
            _ => self.new_customer(Some(gone)).await?,
        };
        tracing::warn!(user = self.user.id, gone, created, "a Stripe customer is gone and was replaced");
        self.call.write(link(self.user.id.clone(), created, Some(gone.to_owned()))).await.map(drop)
    }
}

/// Stores the user's Stripe customer, unless one that is not `gone` is stored already, and returns the stored one.
fn link(
    user_id: String,
    created: String,
    gone: Option<String>,
) -> impl FnMut(&mut Call<'_>) -> Result<Audited<String>> {
    move |call| {
        let mut changed = None;
        if let Some(gone) = &gone {
            let is_new = remember(call, &user_id, gone)?;
            changed = Customer::unlink(call.conn, &user_id, gone, call.now)?;
            if is_new && changed.is_none() {
                changed = Customer::of(call.conn, &user_id)?.map(|customer| customer.id);
            }
        }
        let (linked, stored) = Customer::link(call.conn, &user_id, &created, call.now)?;
        let Some(id) = linked.or(changed) else { return Ok(Audited::unchanged(stored)) };
        let detail = match &gone {
            Some(gone) => json!({"stripeCustomerId": stored, "replaces": gone}),
            None => json!({"stripeCustomerId": stored}),
        };
        Ok(Audited::changed(stored, "customer", id, detail))
    }
}

fn remember(call: &mut Call<'_>, user_id: &str, gone: &str) -> Result<bool> {
    let (id, auth_user_id, gone_at) = (gone.to_owned(), user_id.to_owned(), Timestamp::now());
    Ok(GoneStripeCustomer { id, auth_user_id, gone_at }.store(call.conn)?)
}
