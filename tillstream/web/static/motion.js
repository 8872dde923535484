// Small movements that say "this changed": numbers that tick, rows that slide to their new place.

export const still = matchMedia("(prefers-reduced-motion: reduce)");
const running = new WeakMap();

/** Let an element's number run from what it shows to `value`. */
export function tick(element, value, show) {
  const state = running.get(element) ?? { shown: null, frame: 0 };
  running.set(element, state);
  cancelAnimationFrame(state.frame);
  const target = value === null || value === undefined ? null : Number(value);
  if (target === null || state.shown === null || still.matches || document.hidden || state.shown === target) {
    state.shown = target;
    element.textContent = show(value);
    return;
  }
  const from = state.shown;
  const started = performance.now();
  const step = (now) => {
    const part = Math.min((now - started) / 450, 1);
    const eased = 1 - (1 - part) ** 3;
    state.shown = part === 1 ? target : from + (target - from) * eased;
    element.textContent = show(part === 1 ? value : state.shown);
    if (part < 1) state.frame = requestAnimationFrame(step);
  };
  state.frame = requestAnimationFrame(step);
}

/** Make a list's children those of `items`, by key; what moves slides. `make` and `fill` touch one child. */
export function keyed(list, items, { key, make, fill }) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const places = new Map([...before].map(([name, child]) => [name, child.offsetTop]));
  const kept = items.map((item) => {
    const name = String(key(item));
    const child = before.get(name) ?? make(item);
    child.dataset.key = name;
    fill(child, item, before.has(name));
    return child;
  });
  let moved = false;
  kept.forEach((child, place) => {
    // Only what is out of place is moved: moving an element starts its animations again.
    if (list.children[place] !== child) {
      list.insertBefore(child, list.children[place] ?? null);
      moved = true;
    }
  });
  while (list.children.length > kept.length) list.lastElementChild.remove();
  if (moved && !still.matches && !document.hidden) slide(kept, places);
}

function slide(children, places) {
  for (const child of children) {
    const moved = (places.get(child.dataset.key) ?? child.offsetTop) - child.offsetTop;
    if (moved) child.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 350, easing: "ease-out" });
  }
}

/** An element with a class, a text, and children. */
export function make(tag, { className = "", text = null, children = [] } = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== null) element.textContent = text;
  element.append(...children);
  return element;
}
