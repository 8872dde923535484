// How the pipeline does: the pill, the banners, freshness, rate, lag, proof.

import { columns, sparkline } from "./charts.js";
import { ago, bytes, clock, count, duration, percent, words } from "./format.js";
import { make, tick } from "./motion.js";

const byId = (id) => document.getElementById(id);
const BEFORE_LIVE = ["starting", "snapshot", "deploying models"];

// How long the newest changes took from their commit to this page, one a batch.
const ages = [];
const MOST_AGES = 40;
let changedAt = null;

/** Take note of how long the newest change took from its commit to this page. */
export function arrived(committedAt) {
  ages.push(Math.max(Date.now() - Date.parse(committedAt), 0));
  if (ages.length > MOST_AGES) ages.shift();
  changedAt = Date.now();
  byId("fresh-spark").replaceChildren(columns(ages, MOST_AGES, 160, 26));
}

/** Show everything the status says. Calling it again a second later keeps ages true. */
export function health(status, { lost }) {
  const phase = status.phase ?? "live";
  document.body.dataset.phase = lost ? "lost" : phase.split(" ")[0];
  document.body.classList.toggle("waiting", BEFORE_LIVE.includes(phase));
  byId("source").textContent = status.source ? `from ${status.source}` : "";
  byId("pill-text").textContent = lost ? "Connection lost" : pill(status, phase);
  trouble(status, phase);
  copying(status, phase);
  freshness(status);
  tick(byId("rate"), status.numbers?.changes_per_second ?? null, (value) => (value === null ? "–" : count(value)));
  spark(status.numbers?.per_second ?? []);
  byId("lag").textContent = status.lag ? bytes(status.lag.behind_bytes) : "–";
  const late = (status.lag_seconds ?? 0) > 2;
  byId("lag-more").textContent = late ? `for ${duration(status.lag_seconds * 1000)}`
    : status.lag?.retained_bytes ? `${bytes(status.lag.retained_bytes)} of log kept` : "";
  const numbers = status.numbers ?? {};
  tick(byId("rows"), (numbers.changes ?? 0) + (numbers.snapshot_rows ?? 0), count);
  byId("rows-more").textContent = numbers.batches ? `in ${count(numbers.batches)} batches` : "";
  proof(status.verification);
}

function pill(status, phase) {
  if (phase === "snapshot") {
    const part = status.snapshot_fraction;
    return part === null || part === undefined ? "Copying history" : `Copying history ${percent(part)}`;
  }
  const texts = { starting: "Starting", "deploying models": "Building models", live: "Live", trouble: "Waiting", failed: "Stopped by an error" };
  return texts[phase] ?? phase[0].toUpperCase() + phase.slice(1);
}

function trouble(status, phase) {
  const what = status.trouble;
  byId("trouble").hidden = !what;
  if (!what) return;
  const since = what.since ? ` since ${clock(what.since, undefined, { seconds: true })}` : "";
  write("trouble-title", phase === "failed" ? "Stopped by an error" : `The flow waits${since}, and tries again`);
  write("trouble-message", what.message);
  write("trouble-detail", what.detail ?? "");
  write("trouble-hint", what.hint ?? "");
}

function write(id, text) {
  // Writing the same text again would be spoken again.
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function copying(status, phase) {
  const busy = BEFORE_LIVE.includes(phase);
  byId("copying").hidden = !busy;
  if (!busy) return;
  const part = status.snapshot_fraction;
  const bar = byId("copying-bar");
  const titles = { starting: "Starting", "deploying models": "Building the models over the history" };
  byId("copying-title").textContent = titles[phase] ?? (part === null || part === undefined ? "Copying history" : `Copying history ${percent(part)}`);
  if (phase === "snapshot" && part !== null && part !== undefined) bar.value = part; else bar.removeAttribute("value");
  byId("copying-rows").textContent = status.numbers?.snapshot_rows ? `${count(status.numbers.snapshot_rows)} rows` : "";
  const tables = phase === "snapshot" ? (status.tables ?? []) : [];
  byId("copying-tables").replaceChildren(...tables.map((table) => make("li", {
    className: table.fraction === 1 ? "done" : "",
    children: [make("span", { text: words(table.name) }), make("span", { text: table.fraction === 1 ? "✓" : count(table.rows) })],
  })));
}

function freshness(status) {
  const quiet = changedAt === null ? null : Date.now() - changedAt;
  byId("fresh").textContent = quiet === null ? "–" : duration(ages.at(-1));
  const { freshness_p50_ms: usual, freshness_p99_ms: slowest } = status.page ?? {};
  byId("fresh-more").textContent = quiet === null ? "waiting for the first change"
    : quiet > 5000 ? `nothing changed for ${duration(quiet)}`
    : usual ? `p50 ${duration(usual)} · p99 ${duration(slowest)}` : "from commit to here";
}

function spark(values) {
  const box = byId("spark");
  if (values.length < 2) {
    box.replaceChildren();
    return;
  }
  box.replaceChildren(sparkline(values, 160, 26));
}

function proof(verification) {
  const box = byId("proof");
  const exact = verification?.exact;
  box.className = exact === true ? "proof exact" : exact === false ? "proof different" : "proof";
  byId("proof-sign").setAttribute("d", exact === true ? "M8.3 12.2l2.6 2.6 4.9-5.2" : exact === false ? "M9 9l6 6M15 9l-6 6" : "M12 7.5v5.2M12 16v.1");
  if (!verification) {
    write("proof-title", "Not verified yet");
    write("proof-text", "“till verify” checks every row");
  } else if (exact) {
    write("proof-title", "Exact");
    write("proof-text", `${count(verification.rows)} rows in ${count(verification.tables)} tables equal the store · verified ${ago(verification.at)}`);
  } else {
    write("proof-title", "Different");
    write("proof-text", `${verification.different.join(", ") || "see till verify"} · found ${ago(verification.at)}`);
  }
}
