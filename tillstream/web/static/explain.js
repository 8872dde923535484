// "Explain": which query a panel is, and how fresh and how sure its answer.

import { clock } from "./format.js";
import { make } from "./motion.js";

const byId = (id) => document.getElementById(id);

/** Give every panel its button. */
export function explainable(root) {
  for (const panel of root.querySelectorAll("[data-panel] > header")) {
    const title = panel.querySelector("h2").textContent;
    panel.append(button(panel.parentElement.dataset.panel, title));
  }
}

export function button(name, title, text = "Explain") {
  const element = make("button", { className: "explain", text });
  element.type = "button";
  element.setAttribute("aria-label", `Explain ${title}`);
  element.addEventListener("click", () => open(name));
  return element;
}

async function open(name) {
  const dialog = byId("explain");
  const answer = await fetch(`/api/panels/${name}`).catch(() => null);
  if (!answer?.ok) {
    byId("explain-title").textContent = "No answer";
    byId("explain-text").textContent = "The pipeline can't be reached right now.";
    for (const part of ["facts", "error", "sql"]) byId(`explain-${part}`).textContent = "";
    dialog.showModal();
    return;
  }
  const panel = await answer.json();
  byId("explain-title").textContent = panel.title;
  byId("explain-text").textContent = panel.description;
  const checked = panel.verification
    ? `${panel.verification.exact ? "verified exact" : "verification found differences"} at ${clock(panel.verification.at)}`
    : "not verified yet";
  byId("explain-facts").textContent = `Reads ${panel.sources.join(" and ")} · took ${Math.round(panel.took_ms)} ms · ${checked}`;
  byId("explain-error").textContent = panel.error;
  byId("explain-sql").textContent = panel.sql.trim();
  dialog.showModal();
}

export function closable() {
  // A click beside the dialog closes it, as Escape does.
  byId("explain").addEventListener("click", (event) => {
    if (event.target === event.currentTarget) event.currentTarget.close();
  });
}
