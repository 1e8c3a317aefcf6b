// Next.js forwards the addresses of the API to clusterdesk. It reads API_URL while it builds (`next build`).
const api = process.env.API_URL ?? "http://127.0.0.1:8080";
const addresses = ["/api/trpc/:path*", "/api/webhooks/:path*", "/api/health"];

export default {
  rewrites: async () => ({
    // Before the application's own files, so that these win over route handlers at the same addresses.
    beforeFiles: addresses.map((source) => ({ source, destination: api + source })),
  }),
};
