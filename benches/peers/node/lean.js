// `lean`: the server that a Node team would write for speed. JSON-RPC on postgres.js without a framework, two workers.
// Verified tokens are cached and callers are not looked up; a mutation's audit row is part of its statement.
// `node lean.js PORT postgres-host database jwt-secret`
import cluster from "node:cluster";
import http from "node:http";
import postgres from "postgres";
import { verifier } from "./tokens.js";

const [port, host, database, secret] = process.argv.slice(2);

if (cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
  process.on("SIGTERM", () => process.exit(0));
} else {
  serve();
}

function serve() {
  const bigint = { to: 20, from: [20], serialize: String, parse: Number };
  const sql = postgres({ host, database, username: "postgres", max: 4, types: { bigint } });
  const verify = verifier(secret);
  const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

  const methods = {
    "hello.hello": (_user, { text }) => ({ greeting: `hello ${text.replace(/[&<>"']/g, (c) => escapes[c])}` }),

    "k8s.list": (user) => sql`
      SELECT id, name, location, auth_user_id AS "authUserId", plan, network, status,
        created_at AS "createdAt", updated_at AS "updatedAt", deleted_at AS "deletedAt"
      FROM k8s_cluster_configs WHERE auth_user_id = ${user} AND deleted_at IS NULL ORDER BY id`,

    "user.summary": (user) =>
      // postgres.js pipelines what a transaction sends at once.
      sql.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", async (tx) => {
        const [[found], [customer], clusters] = await Promise.all([
          tx`SELECT id, name, email, image, role, created_at AS "createdAt" FROM users
             WHERE id = ${user} AND deleted_at IS NULL`,
          tx`SELECT id, auth_user_id AS "authUserId", name, plan, stripe_customer_id AS "stripeCustomerId",
               stripe_subscription_id AS "stripeSubscriptionId", stripe_price_id AS "stripePriceId",
               stripe_current_period_end AS "stripeCurrentPeriodEnd", created_at AS "createdAt", updated_at AS "updatedAt"
             FROM customers WHERE auth_user_id = ${user}`,
          tx`SELECT id, name, location, auth_user_id AS "authUserId", plan, network, status,
               created_at AS "createdAt", updated_at AS "updatedAt", deleted_at AS "deletedAt"
             FROM k8s_cluster_configs WHERE auth_user_id = ${user} AND deleted_at IS NULL ORDER BY id`,
        ]);
        return { user: found, customer: customer ?? null, activeClusters: clusters.length, clusters };
      }),

    "k8s.create": async (user, { name, location, plan = "FREE" }) => {
      const now = new Date();
      const [made] = await sql`
        WITH made AS (
          INSERT INTO k8s_cluster_configs (name, location, auth_user_id, plan, network, status, created_at, updated_at)
          VALUES (${name}, ${location}, ${user}, ${plan}, 'Default', 'PENDING', ${now}, ${now}) RETURNING id
        ), logged AS (
          INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
          SELECT ${now}, ${user}, 'k8s.create', 'cluster', id::text, ${JSON.stringify({ name, location, plan })}, '-' FROM made
        ) SELECT id FROM made`;
      return { id: made.id, clusterName: name, location, plan, success: true };
    },

    "k8s.delete": async (user, { id }) => {
      const now = new Date();
      const [gone] = await sql`
        WITH gone AS (
          UPDATE k8s_cluster_configs SET status = 'DELETED', deleted_at = ${now}, updated_at = ${now}
          WHERE id = ${id} AND auth_user_id = ${user} AND deleted_at IS NULL RETURNING id
        ), logged AS (
          INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
          SELECT ${now}, ${user}, 'k8s.delete', 'cluster', id::text, '{}', '-' FROM gone
        ) SELECT id FROM gone`;
      if (!gone) throw new Error("There is no such cluster.");
      return { success: true };
    },

    "admin.getStats": async () => {
      const [stats] = await sql`SELECT
        (SELECT count(*) FROM users WHERE deleted_at IS NULL)::int AS "totalUsers",
        (SELECT count(*) FROM k8s_cluster_configs WHERE deleted_at IS NULL)::int AS "totalClusters",
        (SELECT count(*) FROM customers WHERE plan <> 'FREE' AND stripe_current_period_end > ${new Date()})::int
          AS "activeSubscriptions",
        (SELECT count(*) FROM audit_log WHERE created_at >= ${new Date(Date.now() - 86_400_000)})::int AS "recentActivity"`;
      return stats;
    },
  };

  async function answer(user, request) {
    const { id, method, params } = request;
    try {
      if (!user) throw new Error("The token is missing or not valid.");
      if (!Object.hasOwn(methods, method)) throw new Error("There is no such method.");
      return { jsonrpc: "2.0", id, result: await methods[method](user, params) };
    } catch (error) {
      return { jsonrpc: "2.0", id, error: { code: -32000, message: error.message } };
    }
  }

  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const user = verify(request.headers.authorization?.slice("Bearer ".length));
      const message = JSON.parse(Buffer.concat(chunks).toString());
      const isBatch = Array.isArray(message);
      const answers = isBatch ? Promise.all(message.map((entry) => answer(user, entry))) : answer(user, message);
      const text = JSON.stringify(await answers);
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
      response.end(text);
    });
  });
  server.listen(Number(port), "127.0.0.1");
}
