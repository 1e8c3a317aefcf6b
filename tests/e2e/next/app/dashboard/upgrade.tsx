"use client";
import { useMutation } from "@tanstack/react-query";
import { useTRPC } from "../../trpc/client";

/** Sends the browser to a checkout for the price. */
export function Upgrade({ price }: { price: string }) {
  const trpc = useTRPC();
  const checkout = useMutation(
    trpc.stripe.createSession.mutationOptions({ onSuccess: ({ url }) => url && window.location.assign(url) }),
  );
  return (
    <>
      <button type="button" disabled={checkout.isPending} onClick={() => checkout.mutate({ planId: price })}>
        Upgrade
      </button>
      <p role="alert">{checkout.error?.message}</p>
    </>
  );
}
