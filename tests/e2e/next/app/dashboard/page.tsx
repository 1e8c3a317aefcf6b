import { signOut } from "../../session";
import { Trpc } from "../../trpc/client";
import { api } from "../../trpc/server";
import { Clusters } from "./clusters";
import { Upgrade } from "./upgrade";

/** The user's plan and clusters. A new user becomes a customer here. */
export default async function Dashboard() {
  const { auth, customer, hello, k8s, stripe } = await api();
  if ((await customer.queryCustomer.query()) === null) await customer.insertCustomer.mutate();
  const [{ greeting }, subscription, card, clusters] = await Promise.all([
    hello.hello.query({ text: "from the server" }),
    auth.mySubscription.query(),
    stripe.userPlans.query(),
    k8s.getClusters.query(),
  ]);
  return (
    <Trpc>
      <h1>{greeting}</h1>
      <form action={signOut}>
        <button type="submit">Sign out</button>
      </form>
      <section aria-label="Plan">
        <p>
          {card?.title}: {subscription?.plan}
        </p>
        {subscription?.endsAt && <p>Paid until {subscription.endsAt.getUTCFullYear()}</p>}
        {card?.isPaid || <Upgrade price={process.env.STRIPE_PRO_MONTHLY_PRICE_ID ?? ""} />}
      </section>
      <Clusters first={clusters} />
    </Trpc>
  );
}
