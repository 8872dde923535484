// The operators' page: asks for everything when a state is pushed, at most every two seconds.

import { ago, bytes, clock, count, duration, moment, percent, words } from "./format.js";
import { Lines } from "./lines.js";
import { make } from "./motion.js";
import { follow } from "./stream.js";

const EVERY_MS = 2000;
const MUCH = 0.5;
const NOTHING = "nothing landed in the newest minute";

const byId = (id) => document.getElementById(id);
const seconds = (value) => (value === null || value === undefined ? "–" : duration(value * 1000));
const whole = (value) => (value === null || value === undefined ? "–" : count(value));

const charts = {
  fresh: new Lines(byId("chart-fresh"), "Freshness, median and slowest of a hundred"),
  rate: new Lines(byId("chart-rate"), "Changes a second"),
  log: new Lines(byId("chart-log"), "Log kept by the store"),
  memory: new Lines(byId("chart-memory"), "Memory"),
};

let askedAt = 0;
let asking = false;

async function look() {
  if (asking || Date.now() - askedAt < EVERY_MS) return;
  asking = true;
  try {
    const answer = await fetch("/api/operations");
    askedAt = Date.now();
    if (answer.ok) show(await answer.json());
  } catch {
    // The stream says that the connection is lost.
  } finally {
    asking = false;
  }
}

function show(now) {
  document.body.classList.remove("loading");
  document.body.dataset.phase = (now.phase ?? "live").split(" ")[0];
  byId("source").textContent = now.source ? `from ${now.source}` : "";
  byId("pill-text").textContent = now.ready ? "Ready" : words(now.phase ?? "not ready");
  trouble(now);
  warnings(now.warnings);
  meters(now);
  past(now);
  rollups(now.freshness);
  changes(now.throughput);
  topics(now);
  verifications(now.verifications);
  quarantine(now.quarantine);
  events(now.events);
  requests(now.requests);
  storage(now.storage);
  byId("foot-process").textContent = [`tillstream ${now.version}`, now.warehouse ?? "", now.pid ? `process ${now.pid}` : "", now.uptime_seconds ? `up ${seconds(now.uptime_seconds)}` : "", `${seconds(now.process.cpu_seconds)} of processor time`, `${whole(now.process.open_files)} open files`].filter(Boolean).join(" · ");
}

function trouble({ trouble: own, parts, reasons, phase }) {
  const what = own ?? Object.values(parts).map((part) => part.trouble).find(Boolean);
  const snapshot = phase === "snapshot" || phase === "deploying models" || phase === "starting";
  byId("trouble").hidden = !what && (reasons.length === 0 || snapshot);
  write("trouble-title", what?.message ?? reasons.join("; "));
  write("trouble-detail", what?.detail ?? "");
  write("trouble-hint", what?.hint ?? "");
}

function write(id, text) {
  // Writing the same text again would be spoken again.
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function warnings(found) {
  byId("warnings").hidden = found.length === 0;
  byId("warnings").replaceChildren(...found.map(({ subject, message, hint }) => make("li", {
    children: [make("b", { text: subject }), make("span", { text: message }), make("span", { className: "hint", text: hint })],
  })));
}

function meters(now) {
  const { lag, slot, freshness, throughput, batches, verification, process, quarantine: held } = now;
  const budget = slot?.limit_bytes ? ` of ${bytes(slot.limit_bytes)}` : ", no limit set";
  const exact = verification?.exact;
  byId("meters").replaceChildren(
    meter("Behind the store", seconds(lag.seconds), `${bytes(lag.behind_bytes)} of log`),
    meter("Fresh within, p99", seconds(freshness.all.p99_seconds), freshness.all.p50_seconds === null ? NOTHING : `p50 ${seconds(freshness.all.p50_seconds)} · on the page p99 ${seconds(freshness.page.p99_seconds)}`),
    meter("Changes a second", whole(throughput.changes_per_second), batches.rows.p50 === null ? NOTHING : `batches of ${whole(batches.rows.p50)} rows in ${seconds(batches.seconds.p50)}, p99 ${seconds(batches.seconds.p99)}`),
    meter("Log kept for us", bytes(slot?.retained_bytes), slot ? `slot ${slot.state ?? "unknown"}${budget}` : "no slot", { used: slot?.used_fraction }),
    meter("Memory", bytes(process.resident_bytes), `peak ${bytes(process.peak_bytes)} · engine ${bytes(process.engine_bytes)}`),
    meter("Verified", exact === true ? "Exact" : exact === false ? "Different" : "Not yet",
      [verification ? ago(verification.at) : "till verify", held.open ? `${count(held.open)} in quarantine` : ""].filter(Boolean).join(" · "),
      { className: exact === true ? "good" : exact === false ? "bad" : "" }),
  );
}

function meter(name, value, more, { used = null, className = "" } = {}) {
  const parts = [make("dt", { text: name }), make("dd", { className, text: value })];
  if (used !== null && used !== undefined) {
    const fill = make("i", { className: used > MUCH ? "much" : "" });
    fill.style.transform = `scaleX(${used})`;
    parts.push(make("dd", { className: "quiet", children: [make("div", { className: "gauge", children: [fill] }), `${percent(used)} used; ${more}`] }));
  } else {
    parts.push(make("dd", { className: "quiet", text: more }));
  }
  return make("div", { children: parts });
}

function past({ history, slot }) {
  charts.fresh.show(history.at, [history.freshness_p50_seconds, history.freshness_p99_seconds], seconds);
  charts.rate.show(history.at, [history.changes_per_second], whole);
  charts.log.show(history.at, [history.retained_bytes, history.behind_bytes], bytes, slot?.limit_bytes ?? null);
  charts.memory.show(history.at, [history.resident_bytes], bytes);
}

/** Fill a table: `columns` are [heading, value of a row, is a number]; `none` is said when there are no rows. */
function fill(id, columns, rows, none) {
  const table = byId(id);
  if (rows.length === 0) {
    table.replaceChildren(make("tbody", { children: [make("tr", { children: [make("td", { className: "nothing-yet", text: none })] })] }));
    return;
  }
  const heads = columns.map(([text, , isNumber]) => {
    const head = make("th", { text, className: isNumber ? "number" : "" });
    head.scope = "col";
    return head;
  });
  table.replaceChildren(
    make("thead", { children: [make("tr", { children: heads })] }),
    make("tbody", { children: rows.map((row) => make("tr", {
      children: columns.map(([, value, isNumber]) => make("td", { className: isNumber ? "number" : "", children: [value(row)] })),
    })) }),
  );
}

/** What is read from topics, and the pump of this process that writes them, if one does. */
function topics({ stream, parts }) {
  byId("stream-card").hidden = !stream;
  if (!stream) return;
  const capture = parts.capture ? ` · capture: ${parts.capture.phase}, ${whole(parts.capture.changes)} changes, ${whole(parts.capture.changes_per_second)} a second` : "";
  write("stream-sub", `${whole(stream.behind_messages)} messages have not landed${capture}`);
  fill("stream", [
    ["Topic", (row) => row.topic, false],
    ["Partitions", (row) => whole(row.partitions), true],
    ["Behind", (row) => whole(row.behind), true],
  ], stream.topics, "no topic yet");
}

function rollups({ rollups: found }) {
  fill("rollups", [
    ["Rollup", (row) => row.name.replace("live.", ""), false],
    ["Changes", (row) => whole(row.changes), true],
    ["p50", (row) => seconds(row.p50_seconds), true],
    ["p95", (row) => seconds(row.p95_seconds), true],
    ["p99", (row) => seconds(row.p99_seconds), true],
    ["Most", (row) => seconds(row.max_seconds), true],
  ], found, "No rollups yet.");
}

function changes({ tables }) {
  const sum = (row) => row.insert + row.update + row.delete;
  fill("tables", [
    ["Table", (row) => row.table, false],
    ["Snapshot", (row) => whole(row.snapshot), true],
    ["Inserts", (row) => whole(row.insert), true],
    ["Updates", (row) => whole(row.update), true],
    ["Deletes", (row) => whole(row.delete), true],
  ], [...tables].sort((a, b) => sum(b) - sum(a)), "Nothing has landed yet.");
}

function verifications(found) {
  fill("verifications", [
    ["At", (row) => moment(row.at), false],
    ["Result", (row) => make("span", { className: row.exact ? "mark" : "mark bad", text: row.exact ? "exact" : "different" }), false],
    ["Tables", (row) => whole(row.tables), true],
    ["Rows", (row) => whole(row.rows), true],
    ["Took", (row) => seconds(row.seconds), true],
    ["Different", (row) => row.different.join(", ") || "–", false],
  ], found, "None yet. “till verify” compares every layer with the store while it sells.");
}

function quarantine({ tables }) {
  fill("quarantine", [
    ["Table", (row) => row.table, false],
    ["Column", (row) => row.column, false],
    ["Reason", (row) => words(row.rule), false],
    ["Values", (row) => whole(row.count), true],
    ["Newest", (row) => moment(`${row.newest_at.replace(" ", "T")}Z`), false],
  ], tables, "Empty: every value was kept as it came.");
}

function events(found) {
  byId("events").replaceChildren(...found.map(({ at, level, text, facts }) => {
    const time = make("time", { text: clock(at, undefined, { seconds: true }) });
    time.dateTime = at;
    const said = Object.entries(facts).map(([name, value]) => `${words(name)} ${typeof value === "number" ? whole(value) : value}`).join(" · ");
    return make("li", { className: level, children: [time, make("div", { children: [make("b", { text }), make("p", { text: said })] })] });
  }));
  if (found.length === 0) byId("events").replaceChildren(make("li", { className: "nothing-yet", text: "Quiet so far." }));
}

function requests(found) {
  fill("requests", [
    ["Route", (row) => row.route, false],
    ["Answers", (row) => whole(row.count), true],
    ["Errors", (row) => whole(row.errors), true],
    ["p50", (row) => seconds(row.p50), true],
    ["p99", (row) => seconds(row.p99), true],
  ], found, "Nobody has asked yet.");
}

function storage({ layers, free_bytes: free, total_bytes: total }) {
  fill("storage", [
    ["Layer", (row) => row.layer, false],
    ["Bytes", (row) => bytes(row.bytes), true],
    ["Rows", (row) => whole(row.rows), true],
    ["Parts", (row) => whole(row.parts), true],
  ], layers.length && total ? [...layers, { layer: "free on the disk", bytes: free, rows: null, parts: null }] : layers, "Nothing yet.");
}

follow({
  hear: look,
  lose: (heardAt) => {
    document.body.dataset.phase = "lost";
    byId("pill-text").textContent = "Connection lost";
    byId("lost-since").textContent = heardAt ? clock(heardAt, undefined, { seconds: true }) : "before";
    byId("lost").hidden = false;
  },
  find: () => {
    byId("lost").hidden = true;
  },
});
