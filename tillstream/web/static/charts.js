// Lines and areas in SVG.

import { clock, count, money } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

export function draw(tag, attributes, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

/** Round steps that reach at least `highest`: at most four of them. */
export function steps(highest) {
  if (!(highest > 0)) return [0, 1];
  const power = 10 ** Math.floor(Math.log10(highest / 3));
  const size = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => highest / each <= 4);
  return Array.from({ length: Math.ceil(highest / size) + 1 }, (_, place) => place * size);
}

export const path = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** The area chart of revenue per minute. The newest minute is not over yet and is drawn open. */
export class Area {
  constructor(box) {
    this.box = box;
    this.rows = [];
    this.chosen = null;
    box.tabIndex = 0;
    box.setAttribute("role", "img");
    new ResizeObserver(() => this.redraw()).observe(box);
    box.addEventListener("pointermove", (event) => this.point(event.offsetX));
    box.addEventListener("pointerleave", () => this.choose(null));
    box.addEventListener("blur", () => this.choose(null));
    box.addEventListener("keydown", (event) => this.key(event));
  }

  show(rows, { currency, zone }) {
    this.rows = rows.map((row) => ({ at: row.minute, value: Number(row.revenue), orders: Number(row.orders) }));
    this.currency = currency;
    this.zone = zone;
    const newest = this.rows.at(-1);
    const full = this.rows.slice(0, -1);
    const best = full.reduce((top, row) => (row.value > (top?.value ?? 0) ? row : top), null);
    this.box.setAttribute("aria-label", newest
      ? `Revenue per minute: ${money(newest.value, currency)} in this minute so far` +
        (best ? `, the most was ${money(best.value, currency)} at ${clock(best.at, zone)}` : "")
      : "Revenue per minute: nothing yet");
    this.redraw();
  }

  redraw() {
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    if (!width || this.rows.length < 2) {
      this.box.replaceChildren();
      return;
    }
    const ticks = steps(Math.max(...this.rows.map((row) => row.value)));
    // Without a sale there is nothing to measure: a line at the bottom says enough.
    const quiet = this.rows.every((row) => row.value === 0);
    const labels = ticks.map((tick) => (quiet && tick ? "" : money(tick, this.currency, { short: true })));
    const edge = { left: 10 + 7 * Math.max(...labels.map((label) => label.length)), right: 12, top: 10, bottom: 24 };
    this.x = (place) => edge.left + ((width - edge.left - edge.right) * place) / (this.rows.length - 1);
    this.y = (value) => height - edge.bottom - ((height - edge.top - edge.bottom) * value) / ticks.at(-1);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    ticks.forEach((tick, place) => {
      if (!labels[place]) return;
      svg.append(draw("line", { class: "rule", x1: edge.left, x2: width - edge.right, y1: this.y(tick), y2: this.y(tick) }));
      svg.append(draw("text", { class: "axis", x: edge.left - 8, y: this.y(tick) + 4, "text-anchor": "end" }, labels[place]));
    });
    this.rows.forEach((row, place) => {
      const minute = new Date(row.at).getUTCMinutes();
      if (minute % (width < 480 ? 30 : 15) === 0) {
        svg.append(draw("text", { class: "axis", x: this.x(place), y: height - 6, "text-anchor": "middle" }, clock(row.at, this.zone)));
      }
    });
    const points = this.rows.map((row, place) => [this.x(place), this.y(row.value)]);
    const [lastX, lastY] = points.at(-1);
    svg.append(draw("path", { class: "area", d: `${path(points)}L${lastX} ${this.y(0)}L${this.x(0)} ${this.y(0)}Z` }));
    svg.append(draw("path", { class: "curve", d: path(points.slice(0, -1)) }));
    svg.append(draw("path", { class: "curve open", d: path(points.slice(-2)) }));
    svg.append(draw("circle", { class: "halo", cx: lastX, cy: lastY, r: 7 }), draw("circle", { class: "now", cx: lastX, cy: lastY, r: 4 }));
    this.cross = draw("line", { class: "cross", y1: edge.top, y2: height - edge.bottom, visibility: "hidden" });
    svg.append(this.cross);
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.box.replaceChildren(svg, this.tip);
    this.choose(this.chosen);
  }

  choose(place) {
    this.chosen = place;
    if (!this.cross) return;
    const row = place === null ? null : this.rows[place];
    this.tip.hidden = !row;
    this.cross.setAttribute("visibility", row ? "visible" : "hidden");
    if (!row) return;
    const x = this.x(place);
    this.cross.setAttribute("x1", x);
    this.cross.setAttribute("x2", x);
    const amount = document.createElement("b");
    amount.textContent = money(row.value, this.currency);
    this.tip.replaceChildren(amount, `${clock(row.at, this.zone)} · ${count(row.orders)} orders`);
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(Math.max(x, half), this.box.clientWidth - half)}px`;
  }

  point(offset) {
    if (!this.x) return;
    const first = this.x(0);
    const gap = this.x(1) - first;
    this.choose(Math.min(Math.max(Math.round((offset - first) / gap), 0), this.rows.length - 1));
  }

  key(event) {
    const last = this.rows.length - 1;
    const from = this.chosen ?? last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(Math.min(Math.max(to, 0), last));
  }
}

/** A line without axes; returns the SVG. */
export function sparkline(values, width, height) {
  const highest = Math.max(...values, 1);
  const points = values.map((value, place) => [(width * place) / (values.length - 1), height - 2 - ((height - 4) * value) / highest]);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(draw("path", { class: "area", d: `${path(points)}L${width} ${height}L0 ${height}Z` }));
  svg.append(draw("path", { class: "curve", d: path(points) }));
  return svg;
}

/** Columns that grow from the right, the newest last, for at most `most` values; returns the SVG. */
export function columns(values, most, width, height) {
  const highest = Math.max(...values, 1);
  const step = width / most;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  values.forEach((value, place) => {
    const size = Math.max((height * value) / highest, 1.5);
    const left = width - (values.length - place) * step;
    const className = place === values.length - 1 ? "column newest" : "column";
    svg.append(draw("rect", { class: className, x: left, y: height - size, width: step * 0.68, height: size }));
  });
  return svg;
}
