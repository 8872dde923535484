// How the pipeline does: the pill, the banners, freshness, rate, lag, proof.

import { sparkline } from "./charts.js";
import { bytes, clock, count, duration, percent, words } from "./format.js";
import { make, tick } from "./motion.js";

const byId = (id) => document.getElementById(id);
const BEFORE_LIVE = ["starting", "snapshot", "deploying models"];

let freshMs = null;
let changedAt = null;

/** Take note of how long the newest change took from its commit to this page. */
export function arrived(committedAt) {
  freshMs = Math.max(Date.now() - Date.parse(committedAt), 0);
  changedAt = Date.now();
}

/** Show everything the status says. Calling it again a second later keeps ages true. */
export function health(status, { zone, lost }) {
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
  byId("lag-more").textContent = status.lag?.retained_bytes ? `${bytes(status.lag.retained_bytes)} of log kept` : "";
  const numbers = status.numbers ?? {};
  tick(byId("rows"), (numbers.changes ?? 0) + (numbers.snapshot_rows ?? 0), count);
  byId("rows-more").textContent = numbers.batches ? `in ${count(numbers.batches)} batches` : "";
  proof(status.verification, zone);
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
  const element = byId("fresh");
  if (quiet === null) {
    element.textContent = "–";
  } else {
    element.textContent = duration(freshMs);
  }
  const p99 = status.page?.freshness_p99_ms;
  byId("fresh-more").textContent =
    quiet === null ? "waiting for a change" : quiet > 5000 ? `last change ${duration(quiet)} ago` : p99 ? `99 % within ${duration(p99)}` : "from commit to here";
}

function spark(values) {
  const box = byId("spark");
  if (values.length < 2) {
    box.replaceChildren();
    return;
  }
  box.replaceChildren(sparkline(values, 160, 26));
}

function proof(verification, zone) {
  const box = byId("proof");
  const exact = verification?.exact;
  box.className = exact === true ? "proof exact" : exact === false ? "proof different" : "proof";
  byId("proof-sign").setAttribute("d", exact === true ? "M8.3 12.2l2.6 2.6 4.9-5.2" : exact === false ? "M9 9l6 6M15 9l-6 6" : "M12 7.5v5.2M12 16v.1");
  if (!verification) {
    write("proof-title", "Not verified yet");
    write("proof-text", "“till verify” checks every row");
  } else if (exact) {
    write("proof-title", "Exact");
    write("proof-text", `${count(verification.rows)} rows in ${verification.tables} tables compared at ${clock(verification.at, zone)}`);
  } else {
    write("proof-title", "Different");
    write("proof-text", `${verification.different.join(", ") || "see till verify"} at ${clock(verification.at, zone)}`);
  }
}
