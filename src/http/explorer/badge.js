// Coloured labels. The colour carries no information that the text does not.

import { el } from "./dom.js";

const TONES = {
  query: "blue",
  mutation: "violet",
  subscription: "green",
  service: "amber",
  admin: "amber",
  ADMIN: "amber",
  PRO: "blue",
  BUSINESS: "violet",
  RUNNING: "green",
  live: "green",
  expired: "amber",
  revoked: "red",
  CREATING: "blue",
  INITING: "blue",
  STOPPED: "amber",
  DELETED: "red",
  created: "green",
  restored: "green",
  updated: "blue",
  statusChanged: "violet",
  deleted: "red",
  lagged: "amber",
};

export function badge(word, tone = TONES[word] ?? "grey") {
  return el("span", { class: `badge ${tone}` }, word);
}
