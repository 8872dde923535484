// The map of where orders go: outlines, a circle a city, and a ring that runs out when an order is placed.

import { albers, around, naturalEarth, outlines, overlap, unitedStates } from "./atlas.js";
import { draw } from "./charts.js";
import { count, money } from "./format.js";
import { still } from "./motion.js";

const WORLD = "World";
const UNITED_STATES = "United States";
// What a store calls a country, and what its outlines are called.
const CALLED = { [UNITED_STATES]: "United States of America" };
const LARGEST = 19;
const SMALLEST = 1.6;
const REACH = 22;
const STEPS_BY_KEY = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

const path = (rings) => rings.map((ring) => `M${ring.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L")}Z`).join("");

/** How a view is drawn: {project, near, far, box}; `near` and `far` are lists of projected rings. */
async function view(name, cities) {
  if (name === WORLD) return world();
  if (name === UNITED_STATES) {
    const states = await outlines("states-albers-10m");
    return { project: unitedStates, near: states.map((each) => each.rings), far: [], box: [0, 10, 975, 600] };
  }
  return country(name, cities);
}

async function world() {
  const lands = (await outlines("countries-110m")).filter((each) => each.name !== "Antarctica");
  const near = lands.map((each) => each.rings.map((ring) => ring.map((point) => naturalEarth(...point))));
  const [left, top, right] = around(near.flat(2));
  return { project: naturalEarth, near, far: [], box: [left, top + 0.16, right, naturalEarth(0, -54)[1]] };
}

async function country(name, cities) {
  const places = cities.filter((each) => each.country === name).map((each) => [each.longitude, each.latitude]);
  const lands = await outlines("countries-50m");
  const own = lands.find((each) => each.name === (CALLED[name] ?? name));
  // Islands far away without a sale would make everything else small.
  const lived = own?.rings.filter((ring) => places.some(([x, y]) => overlap(around(ring), [x, y, x, y]))) ?? [];
  const [west, south, east, north] = around(lived.length ? lived.flat() : places);
  const part = (north - south) / 6;
  const project = albers([south + part, north - part], [(west + east) / 2, (south + north) / 2]);
  const flat = (ring) => ring.map((point) => project(...point));
  const width = (east - west) * 1.2 + 4;
  const window = [west - width, south - 12, east + width, north + 12];
  const far = lands.filter((each) => each !== own)
    .map((each) => each.rings.filter((ring) => overlap(around(ring), window)).map(flat)).filter((rings) => rings.length);
  const near = own ? [own.rings.filter((ring) => overlap(around(ring), window)).map(flat)] : [];
  const inhabited = around(flat(places));
  return { project, near, far, box: lived.length ? meet(around(lived.flatMap(flat)), widened(inhabited)) : inhabited };
}

const meet = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];

/** With room around it, so that a country of which only a part is lived in does not shrink to a corner. */
function widened([left, top, right, bottom]) {
  const room = Math.max(right - left, bottom - top, 0.01) * 0.25;
  return [left - room, top - room, right + room, bottom + room];
}

export class CityMap {
  /** `chosen(name)` is called with the country that is looked at; null stands for all of them. */
  constructor(box, buttons, chosen) {
    this.box = box;
    this.buttons = buttons;
    this.chosen = chosen;
    this.name = null;
    this.rows = [];
    this.known = {};
    this.place = null;
    this.waiting = new Set();
    box.tabIndex = 0;
    box.setAttribute("role", "img");
    new ResizeObserver(() => this.redraw()).observe(box);
    box.addEventListener("pointermove", (event) => this.point(event));
    box.addEventListener("pointerleave", () => this.tell(null));
    box.addEventListener("blur", () => this.tell(null));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  show(rows, known) {
    this.rows = rows.filter((row) => row.latitude || row.longitude).map((row) => ({ ...row, value: Number(row.revenue) }));
    this.known = known;
    const countries = this.countries();
    this.offer(countries);
    const first = rows[0];
    this.box.setAttribute("aria-label", first
      ? `Map of ${count(rows.length)} cities; the highest revenue is that of ${first.city} with ${money(first.revenue, known.currency)}`
      : "Map of cities: nothing sold yet");
    const all = countries.reduce((sum, [, value]) => sum + value, 0);
    const usual = countries.length && countries[0][1] > 0.9 * all ? countries[0][0] : WORLD;
    if (this.name === null) this.choose(usual); else this.placeCities();
  }

  countries() {
    const sums = new Map();
    for (const row of this.rows) sums.set(row.country, (sums.get(row.country) ?? 0) + row.value);
    return [...sums].filter(([name]) => name).sort((a, b) => b[1] - a[1]);
  }

  offer(countries) {
    const names = [WORLD, ...countries.slice(0, 5).map(([name]) => name)];
    if (names.length < 3 || String(names) === this.offered) return;
    this.offered = String(names);
    this.buttons.replaceChildren(...names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.setAttribute("aria-pressed", String(name === this.name));
      button.addEventListener("click", () => this.choose(name));
      return button;
    }));
  }

  async choose(name) {
    this.name = name;
    for (const button of this.buttons.children) button.setAttribute("aria-pressed", String(button.textContent === name));
    this.chosen(name === WORLD ? null : name);
    try {
      this.view = await view(name, this.rows);
    } catch {
      // Without outlines the cities alone still show where they lie.
      this.view = { project: naturalEarth, near: [], far: [], box: [-2.8, -1.3, 2.8, 0.95] };
    }
    if (this.name === name) this.redraw();
  }

  redraw() {
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    if (!width || !this.view) return;
    const [left, top, right, bottom] = this.view.box;
    const scale = Math.min((width - 24) / (right - left), (height - 24) / (bottom - top));
    const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
    this.fit = ([x, y]) => [width / 2 + (x - middleX) * scale, height / 2 + (y - middleY) * scale];
    const lands = (shapes, className) => {
      const group = draw("g", { class: className });
      for (const rings of shapes) group.append(draw("path", { d: path(rings.map((ring) => ring.map(this.fit))) }));
      return group;
    };
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    this.circles = draw("g", { class: "cities" });
    this.rings = draw("g", { class: "rings" });
    svg.append(lands(this.view.far, "land far"), lands(this.view.near, "land"), this.circles, this.rings);
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.box.replaceChildren(svg, this.tip);
    this.byId = new Map();
    this.placeCities();
    this.tell(null);
  }

  placeCities() {
    if (!this.circles) return;
    this.seen = this.rows.filter((row) => this.name === WORLD || row.country === this.name);
    const highest = Math.max(...this.seen.map((row) => row.value), 1);
    const kept = new Set();
    for (const row of this.seen) {
      [row.x, row.y] = this.fit(this.view.project(row.longitude, row.latitude));
      row.r = Math.max(LARGEST * Math.sqrt(row.value / highest), SMALLEST);
      const circle = this.byId.get(row.city_id) ?? this.circles.appendChild(draw("circle", {}));
      this.byId.set(row.city_id, circle);
      for (const [name, value] of [["cx", row.x], ["cy", row.y], ["r", row.r]]) circle.setAttribute(name, value.toFixed(1));
      kept.add(row.city_id);
    }
    for (const [id, circle] of this.byId) {
      if (kept.has(id)) continue;
      circle.remove();
      this.byId.delete(id);
    }
    this.tell(this.place);
  }

  /** An order for that city was placed just now. */
  ring(id) {
    const circle = this.byId?.get(id);
    if (!circle || still.matches || document.hidden || this.rings.childElementCount > 12) return;
    const ring = draw("circle", { cx: circle.getAttribute("cx"), cy: circle.getAttribute("cy"), r: 4 });
    ring.addEventListener("animationend", () => ring.remove());
    this.rings.append(ring);
  }

  tell(place) {
    this.place = place;
    const row = place === null ? null : this.seen?.[place];
    if (!this.tip) return;
    this.tip.hidden = !row;
    for (const [id, circle] of this.byId) circle.classList.toggle("chosen", id === row?.city_id);
    if (!row) return;
    const name = document.createElement("b");
    name.textContent = row.city;
    this.tip.replaceChildren(name, `${money(row.revenue, this.known.currency, { whole: true })} · ${count(row.orders)} orders`);
    const half = this.tip.offsetWidth / 2 + 4;
    this.tip.style.left = `${Math.min(Math.max(row.x, half), this.box.clientWidth - half)}px`;
    const above = row.y - row.r - this.tip.offsetHeight - 8;
    this.tip.style.top = `${above < 0 ? row.y + row.r + 8 : above}px`;
  }

  point(event) {
    if (!this.seen) return;
    const box = this.box.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let nearest = null;
    let least = REACH;
    this.seen.forEach((row, place) => {
      const away = Math.hypot(row.x - x, row.y - y) - Math.min(row.r, 8);
      if (away < least) [nearest, least] = [place, away];
    });
    this.tell(nearest);
  }

  key(event) {
    const step = STEPS_BY_KEY[event.key];
    if (!step || !this.seen?.length) return;
    event.preventDefault();
    const last = this.seen.length - 1;
    this.tell(this.place === null ? 0 : Math.min(Math.max(this.place + step, 0), last));
  }
}
