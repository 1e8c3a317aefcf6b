// Small coloured words. The word is always there: colour alone tells nobody anything.

import { el } from "./dom.js";

const TONES = {
  query: "blue",
  mutation: "violet",
  subscription: "green",
  admin: "amber",
  ADMIN: "amber",
  PRO: "blue",
  BUSINESS: "violet",
  RUNNING: "green",
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
