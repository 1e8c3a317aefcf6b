/** A request as it was sent. */
export interface Sent {
  url: string;
  method: string;
  headers: Headers;
  body: string | undefined;
}

/** The real `fetch`, and a record of its requests. */
export function recording(): { fetch: typeof fetch; sent: Sent[]; signals: (AbortSignal | undefined)[] } {
  const sent: Sent[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const recorder: typeof fetch = (input, init) => {
    const body = typeof init?.body === "string" ? init.body : undefined;
    sent.push({ url: String(input), method: init?.method ?? "GET", headers: new Headers(init?.headers), body });
    signals.push(init?.signal ?? undefined);
    return fetch(input, init);
  };
  return { fetch: recorder, sent, signals };
}
