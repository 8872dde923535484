// The page: listens to the server's events and hands each part its news.

import { Area } from "./charts.js";
import { clock, count, money } from "./format.js";
import { arrived, health } from "./health.js";
import { bars, broken, figures, funnel, orders, stock } from "./lists.js";
import { CityMap } from "./map.js";
import { tellStories } from "./story.js";
import { follow } from "./stream.js";

const SPEAK_EVERY_MS = 60000;
const LISTED_CITIES = 8;
const FUNNEL = {
  steps: ["placed", "paid", "shipped", "delivered"],
  exits: ["payment_failed", "cancelled", "returned", "refunded"],
};

const byId = (id) => document.getElementById(id);
const area = new Area(byId("revenue"));
const known = { panels: {}, status: {}, currency: "USD", zone: "UTC", opened: false, lost: false };
let country = null;
let newestOrder = null;
let spokenAt = 0;

const map = new CityMap(byId("map"), byId("map-views"), (name) => {
  country = name;
  cities();
});

function hear(news) {
  known.opened = true;
  known.status = news.status;
  known.currency = news.currency;
  known.zone = news.time_zone;
  Object.assign(known.panels, news.panels);
  if (news.committed_at) arrived(news.committed_at);
  document.body.classList.remove("loading");
  show(Object.keys(news.panels));
  health(known.status, known);
  speak();
}

function rows(name) {
  return known.panels[name]?.rows ?? [];
}

function cities() {
  const wanted = rows("top_cities").filter((row) => country === null || row.country === country);
  bars(byId("cities"), wanted.slice(0, LISTED_CITIES), { name: "city", currency: known.currency });
}

/** Let the map show where the newest orders go. */
function ring(latest) {
  for (const row of latest) if (newestOrder !== null && row.order_id > newestOrder) map.ring(row.city_id);
  newestOrder = Math.max(newestOrder ?? 0, ...latest.map((row) => row.order_id));
}

function show(changed) {
  const draw = {
    today: () => figures(known.panels, known),
    new_customers: () => figures(known.panels, known),
    revenue_per_minute: () => area.show(rows("revenue_per_minute"), known),
    top_products: () => bars(byId("products"), rows("top_products"), { name: "product", currency: known.currency }),
    top_categories: () => bars(byId("categories"), rows("top_categories"), { name: "category", currency: known.currency }),
    top_cities: () => {
      map.show(rows("top_cities"), known);
      cities();
    },
    order_funnel: () => funnel(rows("order_funnel")[0], FUNNEL),
    latest_orders: () => {
      orders(rows("latest_orders"), known);
      ring(rows("latest_orders"));
    },
    sold_out: () => stock(rows("sold_out")),
  };
  for (const name of changed) {
    draw[name]?.();
    broken(name, known.panels[name].error);
  }
  const phase = known.status.phase ?? "live";
  byId("empty").hidden = phase !== "live" || Number(rows("order_funnel")[0]?.placed ?? 0) > 0;
}

function lose(heardAt) {
  known.lost = true;
  byId("lost-since").textContent = heardAt ? clock(heardAt, undefined, { seconds: true }) : "before";
  byId("lost").hidden = false;
  health(known.status, known);
}

function find() {
  known.lost = false;
  byId("lost").hidden = true;
  byId("spoken").textContent = "Connected again.";
}

/** Say the key numbers now and then to those who can't see them. */
function speak() {
  const today = rows("today")[0];
  if (!today || Date.now() - spokenAt < SPEAK_EVERY_MS) return;
  spokenAt = Date.now();
  byId("spoken").textContent = `Revenue today ${money(today.revenue, known.currency)}, ${count(today.orders)} orders.`;
}

tellStories(document, known);
figures({}, known);
follow({ hear, lose, find });
// Ages grow though nothing is heard.
setInterval(() => {
  if (known.opened && !known.lost) health(known.status, known);
}, 1000);
