// The page that a sign-in link opens. Nothing is used up until the button is pressed, so programs that look at links do no harm.
// The link's secret is in the fragment of the URL, which is never sent, and leaves the address bar at once.

import { byId, el } from "./dom.js";
import { failureBox } from "./failure.js";
import { ROOT, tell } from "./rpc.js";
import { startTheme } from "./theme.js";

const button = byId("sign-in");
const link = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

startTheme();
if (link === "") {
  byId("text").textContent =
    "Open the link that the server printed at its start, or that clusterdesk console-link prints.";
  button.hidden = true;
}
button.addEventListener("click", async () => {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  byId("outcome").replaceChildren(el("p", { class: "loading" }, "Signing in…"));
  try {
    await tell("sign-in", { link });
    location.replace(ROOT.href);
  } catch (error) {
    byId("outcome").replaceChildren(failureBox(error));
    button.removeAttribute("aria-disabled");
  }
});
