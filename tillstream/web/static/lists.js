// Lists of things: figures, bars, the funnel, orders, stock.

import { clock, count, money, percent, words } from "./format.js";
import { keyed, make, tick } from "./motion.js";
import { button } from "./story.js";

const byId = (id) => document.getElementById(id);

const FIGURES = [
  { panel: "today", column: "revenue", label: "Revenue today", unit: "money" },
  { panel: "today", column: "orders", label: "Orders today", unit: "count" },
  { panel: "today", column: "average_order", label: "Average order", unit: "money" },
  { panel: "today", column: "units", label: "Units sold today", unit: "count" },
  { panel: "new_customers", column: "customers", label: "New customers today", unit: "count", whole: true },
];

// Less of a change than can be written with one digit.
const SAME = 0.0005;

/** Fill the row of figures. Yesterday's value is that of the same hours, unless the figure is of a whole day. */
export function figures(panels, { currency }) {
  const shown = FIGURES.map((figure) => ({ ...figure, row: panels[figure.panel]?.rows?.[0] ?? {} }));
  keyed(byId("figures"), shown, {
    key: (figure) => figure.column,
    make: (figure) => make("div", {
      className: "figure",
      children: [
        make("p", { className: "label", children: [figure.label, button(figure.panel, figure.label, figure.column)] }),
        make("p", { className: "value", text: "–" }),
        make("p", { className: "delta" }),
      ],
    }),
    fill: (child, figure) => {
      child.dataset.panel = figure.panel;
      const show = figure.unit === "money" ? (value) => money(value, currency) : count;
      child.classList.toggle("waits", figure.row[figure.column] === undefined);
      tick(child.children[1], figure.row[figure.column], show);
      compare(child.children[2], figure.row[figure.column], figure.row[`${figure.column}_yesterday`], figure, show);
    },
  });
}

function compare(element, today, yesterday, figure, show) {
  if (today === undefined || today === null || yesterday === null || !Number(yesterday)) {
    element.textContent = "";
    return;
  }
  if (figure.whole) {
    element.textContent = `${show(yesterday)} yesterday`;
    return;
  }
  element.title = `${show(yesterday)} by this time yesterday`;
  const times = Number(today) / Number(yesterday);
  if (times >= 4) {
    element.replaceChildren(make("b", { className: "up", text: `▲ ${count(times)}×` }), " vs yesterday");
    return;
  }
  const change = times - 1;
  if (Math.abs(change) < SAME) {
    element.textContent = "as yesterday";
    return;
  }
  const up = change >= 0;
  const mark = make("b", { className: up ? "up" : "down", text: `${up ? "▲" : "▼"} ${percent(Math.abs(change))}` });
  element.replaceChildren(mark, " vs yesterday");
}

/** A list of amounts, each with a bar behind it. Cents are left to the title: nobody compares them at a glance. */
export function bars(list, rows, { name, currency }) {
  const highest = Math.max(...rows.map((row) => Number(row.revenue)), 0);
  if (nothing(list, rows, "No sales yet.")) return;
  keyed(list, rows, {
    key: (row) => row[`${name}_id`],
    make: () => make("li", {
      children: [make("div", { className: "fill" }), make("span"), make("span", { className: "amount" })],
    }),
    fill: (child, row, known) => {
      const [fill, label, amount] = child.children;
      const place = () => { fill.style.transform = `scaleX(${highest ? Number(row.revenue) / highest : 0})`; };
      if (known) place(); else { fill.style.transform = "scaleX(0)"; requestAnimationFrame(place); }
      label.textContent = label.title = row[name] || "(none)";
      amount.title = money(row.revenue, currency);
      tick(amount, row.revenue, (value) => money(value, currency, { whole: true }));
    },
  });
}

const named = (step) => step[0].toUpperCase() + words(step).slice(1);

export function funnel(row, { steps, exits }) {
  const first = Number(row?.[steps[0]] ?? 0);
  if (nothing(byId("funnel"), first ? [row] : [], "No orders yet.")) {
    byId("exits").replaceChildren();
    return;
  }
  keyed(byId("funnel"), steps, {
    key: (step) => step,
    make: (step) => make("li", {
      children: [
        make("span", { text: named(step) }),
        make("div", { className: "track", children: [make("div", { className: "fill" })] }),
        make("span", { className: "count", children: [make("span"), " ", make("span", { className: "share" })] }),
      ],
    }),
    fill: (child, step) => {
      const share = Number(row[step]) / first;
      child.querySelector(".fill").style.transform = `scaleX(${share})`;
      tick(child.querySelector(".count").firstChild, row[step], count);
      child.querySelector(".share").textContent = percent(share);
    },
  });
  keyed(byId("exits"), exits, {
    key: (exit) => exit,
    make: (exit) => make("li", { children: [`${named(exit)} `, make("b")] }),
    fill: (child, exit) => tick(child.querySelector("b"), row[exit], count),
  });
}

export function orders(rows, { zone }) {
  const body = byId("orders");
  const filled = body.querySelector("[data-key]") !== null;
  if (rows.length === 0) {
    const cell = make("td", { className: "nothing", text: "No orders yet." });
    cell.colSpan = 6;
    body.replaceChildren(make("tr", { children: [cell] }));
    return;
  }
  if (!filled) body.replaceChildren();
  keyed(body, rows, {
    key: (row) => row.order_id,
    make: (row) => orderRow(row, filled),
    fill: (child, row) => {
      const [, placed, city, units, total, state] = child.children;
      placed.textContent = clock(row.placed_at, zone, { seconds: true });
      city.textContent = row.city || "–";
      units.textContent = count(row.units);
      total.textContent = money(row.total_amount, row.currency || "USD");
      state.firstChild.className = `state ${row.status}`;
      state.firstChild.textContent = words(row.status);
    },
  });
}

function orderRow(row, isNews) {
  const line = make("tr", {
    className: isNews ? "new" : "",
    children: [
      make("td", { text: `#${row.order_id}` }),
      make("td", { className: "quiet" }),
      make("td", { className: "roomy" }),
      make("td", { className: "number roomy" }),
      make("td", { className: "number" }),
      make("td", { children: [make("span")] }),
    ],
  });
  line.addEventListener("animationend", () => line.classList.remove("new"));
  return line;
}

export function stock(rows) {
  const { sold_out: gone = 0, low = 0 } = rows[0] ?? {};
  byId("sold-out-count").textContent = rows.length ? `${gone ? count(gone) : "nothing"} sold out, ${low ? count(low) : "nothing"} running low` : "";
  if (nothing(byId("stock"), rows, "No stock yet.")) return;
  keyed(byId("stock"), rows, {
    key: (row) => row.variant_id,
    make: () => make("li", {
      children: [
        make("span", { className: "product" }), make("span", { className: "left" }),
        make("span", { className: "sku" }), make("span", { className: "sku" }),
      ],
    }),
    fill: (child, row) => {
      const [product, left, sku, state] = child.children;
      child.className = row.state.replace(" ", "-");
      product.textContent = product.title = [row.product, row.variant].filter(Boolean).join(" · ");
      left.textContent = count(row.on_hand);
      sku.textContent = row.sku;
      state.textContent = row.state;
    },
  });
}

/** Say on the card that its query failed; "Explain" has the engine's words. */
export function broken(name, error) {
  const card = document.querySelector(`article[data-panel="${name}"]`);
  if (!card) return;
  card.querySelector(":scope > .broken")?.remove();
  if (error) card.append(make("p", { className: "broken", text: "This can't be read right now." }));
}

function nothing(list, rows, text) {
  if (rows.length === 0) {
    if (!list.querySelector(".nothing")) list.replaceChildren(make("li", { className: "nothing", text }));
    return true;
  }
  list.querySelector(".nothing")?.remove();
  return false;
}
