import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Clusters } from "./clusters.tsx";
import { queryClient } from "./trpc.ts";
import { WithTrpc } from "./with-trpc.tsx";

createRoot(document.querySelector("main")!).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <section aria-label="tRPC">
        <h2>tRPC</h2>
        <WithTrpc />
      </section>
      <section aria-label="JSON-RPC">
        <h2>JSON-RPC</h2>
        <Clusters />
      </section>
    </QueryClientProvider>
  </StrictMode>,
);
