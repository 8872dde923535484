// The story of a number: what it means, who checked it, the rows behind it, and the query itself.

import { ago, clock, count, moment, money, words } from "./format.js";
import { make } from "./motion.js";

const byId = (id) => document.getElementById(id);
const LAYERS = { mirror: "Your table, row by row", facts: "Sales as facts", live: "The sums that move with them" };
const KEYWORDS = /\b(with|select|from|left join|where|group by all|group by|having|order by|limit|as|on|and|or|not|in|desc|interval|over|with fill|to|step|null)\b|('[^']*')|(\{\w+:\w+\})|(--.*)|\b(\d+)\b/g;

let known = { currency: "USD", zone: "UTC" };

/** Make every tile below `root` tell its story: by its button, or by a click anywhere on it. */
export function tellStories(root, context) {
  known = context;
  for (const card of root.querySelectorAll("article[data-panel]")) {
    const header = card.querySelector("header");
    header.append(button(card.dataset.panel, header.querySelector("h2").textContent));
    card.addEventListener("click", (event) => {
      if (event.target.closest("button, a, .chart, .map") || !getSelection().isCollapsed) return;
      open(card.dataset.panel, null, header.querySelector(".explain"));
    });
  }
  const dialog = byId("story");
  // A click beside the panel closes it, as Escape does.
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  byId("story-copy").addEventListener("click", copy);
}

/** The button of one tile; `column` is the figure that is meant, where a panel has several. */
export function button(name, title, column = null) {
  const element = make("button", { className: "explain", text: "Story" });
  element.type = "button";
  element.setAttribute("aria-label", `The story of ${title}`);
  element.addEventListener("click", () => open(name, column, element));
  return element;
}

async function open(name, column, opener) {
  const dialog = byId("story");
  dialog.dataset.state = "loading";
  byId("story-title").textContent = opener.getAttribute("aria-label").replace("The story of ", "");
  dialog.showModal();
  dialog.addEventListener("close", () => opener.focus({ preventScroll: true }), { once: true });
  const answer = await fetch(`/api/panels/${name}/story`).catch(() => null);
  if (!answer?.ok) {
    dialog.dataset.state = "failed";
    return;
  }
  const story = await answer.json();
  dialog.dataset.state = "told";
  meaning(story, column);
  checks(story);
  behind(story.behind);
  byId("story-sql").replaceChildren(...colored(story.sql.trim()));
  const given = Object.entries(story.parameters).map(([key, value]) => `${key} = ${value}`).join(", ");
  byId("story-took").textContent = `Asked of ${story.sources.join(" and ")}${given ? ` with ${given}` : ""}; the answer took ${Math.round(story.took_ms)} ms.`;
  byId("story-error").textContent = story.error;
  byId("story-body").scrollTop = 0;
}

function meaning(story, column) {
  const about = story.columns[column]?.about;
  byId("story-about").textContent = about ?? story.description;
  byId("story-meaning").textContent = story.meaning;
  const value = column === null ? undefined : story.rows[0]?.[column];
  byId("story-value").hidden = value === undefined || value === null;
  byId("story-value").textContent = value === undefined ? "" : shown(column, value);
}

function checks({ checks: found, verification }) {
  const verdict = byId("story-verdict");
  const exact = verification?.exact;
  verdict.className = `verdict ${exact === true ? "exact" : exact === false ? "different" : ""}`;
  verdict.textContent = !verification ? "Nobody has verified this store yet. “till verify” compares every row of every layer, while it sells."
    : `${exact ? "Exact" : "Something was different"} when all of it was compared with the store at one instant, ${ago(verification.at)} (${moment(verification.at, known.zone)}), in ${Number(verification.seconds).toFixed(1)} s.`;
  byId("story-chain").replaceChildren(...found.map((check) => make("li", {
    className: check.exact === true ? "exact" : check.exact === false ? "different" : "",
    children: [
      make("b", { text: check.table }),
      make("span", { className: "quiet", text: LAYERS[check.layer] ?? "" }),
      make("span", { className: "result", text: result(check) }),
    ],
  })));
}

function result(check) {
  if (check.exact === null || check.exact === undefined) return "not compared yet";
  const rows = `${count(check.rows)} ${check.rows === 1 ? "row" : "rows"}`;
  return check.exact ? `${rows}, ${check.how}: equal` : `${rows}, ${check.how}: ${count(check.different_rows)} different`;
}

function behind({ rows, error, took_ms: took }) {
  const table = byId("story-rows");
  const names = Object.keys(rows[0] ?? {});
  byId("story-sample").textContent = error || (rows.length ? `The newest ${rows.length}, read just now in ${Math.round(took)} ms. Each is a line that was added up.` : "There are none yet.");
  const heads = names.map((name) => make("th", { text: words(name), className: isNumber(rows[0][name], name) ? "number" : "" }));
  for (const head of heads) head.scope = "col";
  table.tHead.replaceChildren(make("tr", { children: heads }));
  table.tBodies[0].replaceChildren(...rows.map((row) => make("tr", {
    children: names.map((name) => make("td", { text: shown(name, row[name]), className: isNumber(row[name], name) ? "number" : "" })),
  })));
  table.parentElement.hidden = rows.length === 0;
}

const isNumber = (value, name) => typeof value === "number" || isMoney(name);
const isMoney = (name) => /(amount|revenue|price|average_order)/.test(name);

function shown(name, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (isMoney(name)) return money(value, known.currency);
  if (name.endsWith("_id")) return String(value);
  if (name === "minute") return clock(value, known.zone);
  if (name.endsWith("_at")) return moment(value, known.zone);
  return typeof value === "number" ? count(value) : name.includes("status") ? words(value) : String(value);
}

/** SQL with its words, texts, parameters and remarks told apart. */
function* colored(sql) {
  let from = 0;
  for (const match of sql.matchAll(KEYWORDS)) {
    yield sql.slice(from, match.index);
    const [all, word, text, parameter, remark] = match;
    const className = word ? "word" : text ? "text" : parameter ? "parameter" : remark ? "remark" : "digits";
    yield make("span", { className, text: all });
    from = match.index + all.length;
  }
  yield sql.slice(from);
}

async function copy() {
  const label = byId("story-copy");
  try {
    await navigator.clipboard.writeText(byId("story-sql").textContent);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Select it to copy";
  }
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
}
