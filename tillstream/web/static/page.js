// The page: listens to the server's events and hands each part its news.

import { Area } from "./charts.js";
import { closable, explainable } from "./explain.js";
import { clock, count, money } from "./format.js";
import { arrived, health } from "./health.js";
import { bars, broken, figures, funnel, orders, stock } from "./lists.js";

const SILENCE_MS = 5000;
const SPEAK_EVERY_MS = 60000;
const FUNNEL = {
  steps: ["placed", "paid", "shipped", "delivered"],
  exits: ["payment_failed", "cancelled", "returned", "refunded"],
};

const byId = (id) => document.getElementById(id);
const area = new Area(byId("revenue"));
const known = { panels: {}, status: {}, currency: "USD", zone: "UTC", heardAt: null, opened: false, lost: false };
let stream = null;
let spokenAt = 0;

function listen() {
  stream?.close();
  stream = new EventSource("/events");
  stream.addEventListener("state", (event) => hear(JSON.parse(event.data)));
  stream.addEventListener("error", () => lose());
}

function hear(news) {
  known.heardAt = Date.now();
  known.opened = true;
  known.status = news.status;
  known.currency = news.currency;
  known.zone = news.time_zone;
  Object.assign(known.panels, news.panels);
  if (known.lost) {
    known.lost = false;
    byId("lost").hidden = true;
    byId("spoken").textContent = "Connected again.";
  }
  if (news.committed_at) arrived(news.committed_at);
  show(Object.keys(news.panels));
  health(known.status, known);
  speak();
}

function rows(name) {
  return known.panels[name]?.rows ?? [];
}

function show(changed) {
  const draw = {
    today: () => figures(known.panels, known),
    new_customers: () => figures(known.panels, known),
    revenue_per_minute: () => area.show(rows("revenue_per_minute"), known),
    top_products: () => bars(byId("products"), rows("top_products"), { name: "product", currency: known.currency }),
    top_categories: () => bars(byId("categories"), rows("top_categories"), { name: "category", currency: known.currency }),
    top_cities: () => bars(byId("cities"), rows("top_cities"), { name: "city", currency: known.currency }),
    order_funnel: () => funnel(rows("order_funnel")[0], FUNNEL),
    latest_orders: () => orders(rows("latest_orders"), known),
    sold_out: () => stock(rows("sold_out")),
  };
  for (const name of changed) {
    draw[name]?.();
    broken(name, known.panels[name].error);
  }
  byId("empty").hidden = (known.status.phase ?? "live") !== "live" || Number(rows("order_funnel")[0]?.placed ?? 0) > 0;
}

function lose() {
  if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  if (known.lost) return;
  known.lost = true;
  byId("lost-since").textContent = known.heardAt ? clock(known.heardAt, undefined, { seconds: true }) : "before";
  byId("lost").hidden = false;
  health(known.status, known);
}

/** Say the key numbers now and then to those who can't see them. */
function speak() {
  const today = rows("today")[0];
  if (!today || Date.now() - spokenAt < SPEAK_EVERY_MS) return;
  spokenAt = Date.now();
  byId("spoken").textContent = `Revenue today ${money(today.revenue, known.currency)}, ${count(today.orders)} orders.`;
}

function watch() {
  if (known.opened && !known.lost) health(known.status, known);
  if (known.heardAt && Date.now() - known.heardAt > SILENCE_MS) {
    lose();
    if (stream.readyState === EventSource.OPEN) listen();
  }
}

explainable(document);
closable();
figures({}, known);
listen();
setInterval(watch, 1000);
