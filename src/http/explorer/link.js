// Links to a call: the procedure and the input are in the fragment, which a browser sends to no server. Opening one only fills
// in the form.

import { ROOT } from "./rpc.js";

/** The fragment of a call: `#/k8s.create?input=…`. */
export function fragment(method, input) {
  const given = Object.keys(input ?? {}).length === 0 ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`;
  return `#/${encodeURIComponent(method)}${given}`;
}

/** The address to share. */
export function linkTo(method, input) {
  return new URL(fragment(method, input), ROOT).href;
}

/** The input that a fragment's query carries: `{input}`, which is undefined if there is none, or `{problem}`. */
export function inputOf(query) {
  const text = query.get("input");
  if (text === null) return { input: undefined };
  try {
    const input = JSON.parse(text);
    if (typeof input === "object" && input !== null && !Array.isArray(input)) return { input };
  } catch {
    // Told below.
  }
  return { problem: "The link's input is not a JSON object. Nothing was filled in." };
}
