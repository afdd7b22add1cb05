// The few ways in which the wall's pages make and change elements. Text is set as text, never as markup, and only where it changed.

const SVG = "http://www.w3.org/2000/svg";
export const SHAPES = { ok: "●", info: "◇", warning: "▲", alarm: "■", off: "○", unknown: "?" };
export const SEVERITY = { critical: "alarm", warning: "warning", info: "info" };
const WORST = ["critical", "warning", "info"];

/** What is open, the worst first; of two that are as bad, the newer one. What another alert explains comes after the rest. */
export const openAlerts = (alerts) =>
  alerts
    .filter(({ state: phase }) => phase !== "resolved")
    .sort((a, b) => !!a.inhibited_by - !!b.inhibited_by || WORST.indexOf(a.severity) - WORST.indexOf(b.severity) || b.fired_at.localeCompare(a.fired_at));

/** An element with class, attributes and children (elements or texts). */
export function make(name, kind = "", attributes = {}, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The same for what is drawn. */
export function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function place(element, property, value) {
  if (element.style.getPropertyValue(property) !== value) element.style.setProperty(property, value);
}

/** A state as shape and colour; the word beside it says the same. */
export function state(element, name) {
  put(element, SHAPES[name]);
  mark(element, "data-state", name);
}

/** Elements by id under a parent, kept from one drawing to the next; those of things that are gone are taken away. */
export function rows(parent, items, build) {
  const kept = (parent.kept ??= new Map());
  const found = items.map((item) => {
    if (!kept.has(item.id)) kept.set(item.id, build(item));
    return kept.get(item.id);
  });
  const ids = new Set(items.map((item) => item.id));
  for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
  const elements = found.map((row) => row.element);
  if (elements.length !== parent.children.length || elements.some((element, index) => parent.children[index] !== element))
    parent.replaceChildren(...elements);
  return found;
}
