// A chart of one or two lines over the same times, with an axis that fits, for the operators' page.

import { draw, path, steps } from "./charts.js";
import { clock } from "./format.js";

// Below this the minutes alone would repeat on the axis.
const FEW_MINUTES_MS = 300000;

/** `series` are lists of numbers or null, oldest first, beside `times`; `show` writes a value; `limit` is a line of its own. */
export class Lines {
  constructor(box, label) {
    this.box = box;
    this.label = label;
    box.setAttribute("role", "img");
    new ResizeObserver(() => this.redraw()).observe(box);
    box.addEventListener("pointermove", (event) => this.point(event.offsetX));
    box.addEventListener("pointerleave", () => this.choose(null));
  }

  show(times, series, show, limit = null) {
    Object.assign(this, { times, series, format: show, limit });
    const newest = series.map((values) => values.at(-1)).filter((value) => value !== null && value !== undefined);
    this.box.setAttribute("aria-label", `${this.label}: ${newest.length ? newest.map(show).join(" and ") : "nothing yet"}`);
    this.redraw();
  }

  redraw() {
    const width = this.box.clientWidth;
    const height = this.box.clientHeight;
    if (!width || !this.times || this.times.length < 2) return;
    const known = this.series.flat().filter((value) => value !== null);
    const highest = Math.max(...known, 0);
    // A limit far above everything would flatten the line; then it is only told.
    const shownLimit = this.limit !== null && this.limit < highest * 4 ? this.limit : null;
    const ticks = steps(Math.max(highest, shownLimit ?? 0));
    const labels = ticks.map(this.format);
    const left = 12 + 6.6 * Math.max(...labels.map((label) => label.length));
    this.x = (place) => left + ((width - left - 10) * place) / (this.times.length - 1);
    this.y = (value) => height - 22 - ((height - 32) * value) / ticks.at(-1);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    ticks.forEach((tick, place) => {
      svg.append(draw("line", { class: "rule", x1: left, x2: width - 10, y1: this.y(tick), y2: this.y(tick) }));
      svg.append(draw("text", { class: "axis", x: left - 8, y: this.y(tick) + 4, "text-anchor": "end" }, labels[place]));
    });
    const parts = width < 420 ? 2 : 4;
    const seconds = Date.parse(this.times.at(-1)) - Date.parse(this.times[0]) < FEW_MINUTES_MS;
    const last = this.times.length - 1;
    const places = new Set(Array.from({ length: parts + 1 }, (_, part) => Math.round((last * part) / parts)));
    for (const place of places) {
      const anchor = place === 0 ? "start" : place === last ? "end" : "middle";
      svg.append(draw("text", { class: "axis", x: this.x(place), y: height - 4, "text-anchor": anchor }, clock(this.times[place], undefined, { seconds })));
    }
    if (shownLimit !== null) svg.append(draw("line", { class: "limit", x1: left, x2: width - 10, y1: this.y(shownLimit), y2: this.y(shownLimit) }));
    this.series.forEach((values, place) => this.line(svg, values, place));
    this.cross = draw("line", { class: "cross", y1: 8, y2: height - 22, visibility: "hidden" });
    svg.append(this.cross);
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.box.replaceChildren(svg, this.tip);
    this.choose(null);
  }

  line(svg, values, place) {
    // Where nothing was known the line is broken.
    const pieces = [[]];
    values.forEach((value, index) => {
      if (value === null) pieces.push([]); else pieces.at(-1).push([this.x(index), this.y(value)]);
    });
    for (const points of pieces.filter((piece) => piece.length > 1)) {
      if (place === 0) svg.append(draw("path", { class: "area", d: `${path(points)}L${points.at(-1)[0]} ${this.y(0)}L${points[0][0]} ${this.y(0)}Z` }));
      svg.append(draw("path", { class: place ? "curve second" : "curve", d: path(points) }));
    }
  }

  point(offset) {
    if (!this.x) return;
    const place = Math.round((offset - this.x(0)) / (this.x(1) - this.x(0)));
    this.choose(Math.min(Math.max(place, 0), this.times.length - 1));
  }

  choose(place) {
    if (!this.cross) return;
    const values = place === null ? [] : this.series.map((each) => each[place]).filter((value) => value !== null);
    this.tip.hidden = values.length === 0;
    this.cross.setAttribute("visibility", values.length ? "visible" : "hidden");
    if (!values.length) return;
    const x = this.x(place);
    this.cross.setAttribute("x1", x);
    this.cross.setAttribute("x2", x);
    const amount = document.createElement("b");
    amount.textContent = values.map(this.format).join(" · ");
    this.tip.replaceChildren(amount, clock(this.times[place], undefined, { seconds: true }));
    const half = this.tip.offsetWidth / 2;
    this.tip.style.left = `${Math.min(Math.max(x, half), this.box.clientWidth - half)}px`;
  }
}
