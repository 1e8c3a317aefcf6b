// What is known of a user's payments: the plan, the Stripe customer, subscriptions and the state of their invoices.

import { badge } from "./badge.js";
import { el } from "./dom.js";
import { copyable, facts, fitting, outside } from "./facts.js";
import { moment } from "./moment.js";

/** Stripe's statuses of a subscription, and their colours. */
const TONES = {
  active: "green",
  trialing: "green",
  past_due: "amber",
  unpaid: "red",
  incomplete: "amber",
  incomplete_expired: "red",
  canceled: "grey",
  paused: "grey",
};
/** The statuses in which an invoice waits for its payment. */
const OWES = new Set(["past_due", "unpaid", "incomplete"]);

/** The address of an object in Stripe's dashboard. */
export function stripeLink(kind, id, isTest) {
  return `https://dashboard.stripe.com/${isTest ? "test/" : ""}${kind}/${encodeURIComponent(id)}`;
}

export function payments({ customer, allowance, isPaying, isCanceled, subscriptions, stripeTestMode }) {
  if (!customer && subscriptions.length === 0) {
    return el("p", { class: "help" }, "They are not a customer. They may use the plan FREE.");
  }
  const end = customer?.stripeCurrentPeriodEnd;
  const stripeId = customer?.stripeCustomerId;
  return [
    facts([
      ["May use", badge(allowance)],
      ["Customer", customer ? [badge(customer.plan), " ", isPaying ? "paying" : "not paying"] : null],
      customer?.name ? ["Invoices to", fitting("bdi", customer.name)] : null,
      ["Paid until", end ? [moment(end), isCanceled ? " and ends then" : ""] : null],
      [
        "Stripe",
        stripeId
          ? [
              copyable("the Stripe customer's id", stripeId),
              outside(stripeLink("customers", stripeId, stripeTestMode), "Open", "Open the customer"),
            ]
          : null,
      ],
    ]),
    subscriptions.length === 0
      ? el("p", { class: "help" }, "Stripe has not reported a subscription.")
      : el(
          "ul",
          { class: "shape", "aria-label": "Subscriptions" },
          subscriptions.map((one) => el("li", {}, subscription(one, stripeTestMode))),
        ),
  ];
}

function subscription(one, isTest) {
  const { id, status, plan, interval, priceId, periodStart, periodEnd, cancelAtPeriodEnd, reportedAt } = one;
  const price = plan ? `${plan}${interval ? `, per ${interval}` : ""}` : (priceId ?? "price unknown");
  return [
    el(
      "div",
      { class: "row" },
      badge(status ?? "unknown", TONES[status] ?? "grey"),
      el("strong", { class: "fit", title: price }, price),
      cancelAtPeriodEnd ? el("span", { class: "help" }, "ends with its period") : null,
      el("span", { class: "spring" }),
      outside(stripeLink("subscriptions", id, isTest), "Open", `Open subscription ${id}`),
    ),
    facts([
      ["Id", copyable("the subscription's id", id)],
      ["Period", periodStart || periodEnd ? [moment(periodStart), " – ", moment(periodEnd)] : null],
      ["Invoices", invoices(one)],
      reportedAt ? ["As of", moment(reportedAt)] : null,
    ]),
  ];
}

/** The state of the invoices, as far as Stripe's events have told it. */
function invoices({ status, paidFrom, paidUntil }) {
  const paid = paidUntil ? ["paid for ", moment(paidFrom), " – ", moment(paidUntil)] : ["no payment known"];
  return OWES.has(status) ? [badge("payment due", "amber"), " ", paid] : paid;
}
