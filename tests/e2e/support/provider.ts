import { createHash, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { after } from "node:test";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** An OpenID provider on another site than the servers of the tests. Its page asks before it lets anybody in. */
export class Provider {
  /** `http://localhost:<port>` */
  readonly issuer: string;
  /** Whose ID tokens it makes. */
  claims: Record<string, unknown> = { sub: "oidc|ada", name: "Ada L" };
  /** Whether the token endpoint works. */
  isUp = true;

  private constructor(issuer: string) {
    this.issuer = issuer;
  }

  static async start(): Promise<Provider> {
    const { privateKey, publicKey } = await generateKeyPair("RS256");
    const keys = [{ ...(await exportJWK(publicKey)), kid: "1", alg: "RS256", use: "sig" }];
    const codes = new Map<string, URLSearchParams>();
    let provider: Provider;
    const server = createServer(async (request, response) => {
      const url = new URL(request.url ?? "/", provider.issuer);
      const json = (status: number, body: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (url.pathname === "/.well-known/openid-configuration") {
        const { issuer } = provider;
        const [authorization_endpoint, token_endpoint, jwks_uri] = ["authorize", "token", "keys"].map(
          (path) => `${issuer}/${path}`,
        );
        return json(200, { issuer, authorization_endpoint, token_endpoint, jwks_uri });
      }
      if (url.pathname === "/keys") return json(200, { keys });
      if (url.pathname === "/authorize") {
        const code = randomUUID();
        codes.set(code, url.searchParams);
        const back = (answer: Record<string, string>) => {
          const to = new URL(url.searchParams.get("redirect_uri") ?? "");
          to.search = new URLSearchParams({ ...answer, state: url.searchParams.get("state") ?? "" }).toString();
          return to.href.replaceAll("&", "&amp;");
        };
        const links = `<a href="${back({ code })}">Let me in</a> <a href="${back({ error: "access_denied" })}">No</a>`;
        return response
          .writeHead(200, { "content-type": "text/html" })
          .end(`<!doctype html><title>Provider</title>${links}`);
      }
      if (url.pathname !== "/token") return json(404, {});
      if (!provider.isUp) return json(503, {});
      const form = new URLSearchParams(await text(request));
      const asked = codes.get(form.get("code") ?? "");
      codes.delete(form.get("code") ?? "");
      const challenge = createHash("sha256")
        .update(form.get("code_verifier") ?? "")
        .digest("base64url");
      if (asked?.get("code_challenge") !== challenge) return json(400, { error: "invalid_grant" });
      const id_token = await new SignJWT({ ...provider.claims, nonce: asked.get("nonce") })
        .setProtectedHeader({ alg: "RS256", kid: "1" })
        .setIssuer(provider.issuer)
        .setAudience(asked.get("client_id") ?? "")
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(privateKey);
      return json(200, { access_token: randomUUID(), token_type: "Bearer", id_token });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    after(() => server.close());
    provider = new Provider(`http://localhost:${(server.address() as AddressInfo).port}`);
    return provider;
  }

  /** The settings of a server that people enter by it. */
  settings(serverPort: number): Record<string, string> {
    return {
      BIND_ADDR: `127.0.0.1:${serverPort}`,
      OIDC_ISSUER: this.issuer,
      OIDC_CLIENT_ID: "console",
      OIDC_REDIRECT_URL: `http://127.0.0.1:${serverPort}/sign-in/oidc/callback`,
    };
  }
}
