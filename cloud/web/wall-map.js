// Vehicles on a map that needs no internet. Distance from the site's centre is drawn as its square root, so that the compounds stand
// apart and the farthest county still fits; the rings are 2, 10, 30, 60 and 100 km away.

import { KEY, number, say } from "./texts.js";
import { draw, make, mark, openAlerts, put, rows, SEVERITY } from "./wall-dom.js";

const size = { width: 0, height: 0 }; // of the picture, px: as large as its panel, so that texts keep theirs
const EDGE = [16, 22]; // px kept free at the sides, and at top and bottom
const KM = 111.32; // of a degree of latitude
const RINGS = [2, 10, 30, 60, 100]; // km
const STATES = ["moving", "idling", "parked", "offline"];
const SHAPES = { moving: "M0,-11 L8,9 L0,4 L-8,9 Z", idling: "M0,-9 L9,0 L0,9 L-9,0 Z", parked: "M-7,-7 H7 V7 H-7 Z", offline: "M-7,0 A7,7 0 1 1 7,0 A7,7 0 1 1 -7,0 Z" };
const LETTER = 15; // px of a letter of a plate, at most
const URGENCY = ["info", "warning", "alarm"];
const CELL = 26; // standing cars that would cover each other within this many px are one mark with their number

let layers;
let projected;
let ground;

const shape = (state) => draw("path", { d: SHAPES[state], class: state });

/** East and north of the centre, each the square root of its distance. */
function rooted({ latitude, longitude }, lat, lon) {
  const east = (lon - longitude) * Math.cos((latitude * Math.PI) / 180) * KM;
  const north = (lat - latitude) * KM;
  const far = Math.hypot(east, north);
  return far ? [east / Math.sqrt(far), north / Math.sqrt(far)] : [0, 0];
}

/** From degrees to px: all roads, towns and compounds fit; what lies beyond stands at the edge. */
function projection(map) {
  const all = [...map.landmarks, ...map.compounds].map((at) => rooted(map, at.latitude, at.longitude));
  all.push([-1, -1], [1, 1], ...map.roads.flat().map((at) => rooted(map, ...at)));
  const [left, right, low, high] = [0, 0, 1, 1].map((axis, index) => Math[index % 2 ? "max" : "min"](...all.map((at) => at[axis])));
  const scale = Math.min((size.width - 2 * EDGE[0]) / (right - left), (size.height - 2 * EDGE[1]) / (high - low));
  const [x0, y0] = [size.width / 2 - ((left + right) / 2) * scale, size.height / 2 + ((low + high) / 2) * scale];
  const within = (value, edge, length) => Math.min(Math.max(value, edge), length - edge);
  const project = (lat, lon) => {
    const [east, north] = rooted(map, lat, lon);
    return [within(x0 + east * scale, EDGE[0], size.width), within(y0 - north * scale, EDGE[1], size.height)];
  };
  return { project, centre: [x0, y0], radius: (km) => Math.sqrt(km) * scale };
}

function drawGround(map) {
  const { centre, radius } = (projected = projection(map));
  const rings = RINGS.map((km) => draw("circle", { cx: centre[0], cy: centre[1], r: radius(km), class: "ring" }));
  const roads = map.roads.map((road) => draw("polyline", { points: road.map((at) => projected.project(...at).join(",")).join(" "), class: "road" }));
  const towns = map.landmarks.map((town) => {
    const [cx, cy] = projected.project(town.latitude, town.longitude);
    return draw("circle", { cx, cy, r: 4, class: "town" });
  });
  const compounds = map.compounds.map((compound) => {
    const [x, y] = projected.project(compound.latitude, compound.longitude);
    return draw("rect", { x: x - 10, y: y - 10, width: 20, height: 20, rx: 3, class: "compound" }, draw("title", {}, compound.name[KEY]));
  });
  return [...rings, ...roads, ...compounds, ...towns, ...labels(map.landmarks)];
}

/** Names of towns, the farthest first; one that would cover another is left out. */
function labels(towns) {
  const taken = [];
  const placed = towns.map((town) => ({ text: town.name[KEY], at: projected.project(town.latitude, town.longitude) }));
  const far = ({ at: [x, y] }) => Math.hypot(x - projected.centre[0], y - projected.centre[1]);
  for (const { text, at: [x, y] } of placed.sort((a, b) => far(b) - far(a))) {
    const length = text.length * (KEY === "zh" ? 20 : 12.5);
    const left = x + 13 + length < size.width ? x + 13 : x - 13 - length;
    const box = { left, right: left + length, y, text };
    if (!taken.some((other) => box.left < other.right && other.left < box.right && Math.abs(y - other.y) < 24)) taken.push(box);
  }
  return taken.map(({ left, y, text }) => draw("text", { x: left, y: y + 7 }, text));
}

/** Cars that stand together are one mark; each moving car keeps its own, and so does one that calls for help. Alerts stand on top. */
function marks(vehicles, worst) {
  const [found, called] = [[], []];
  const cells = new Map();
  for (const car of vehicles.filter(({ latitude, longitude }) => latitude !== null && longitude !== null)) {
    const [x, y] = projected.project(car.latitude, car.longitude);
    const own = { id: car.id, x, y, state: car.state, course: car.state === "moving" ? (car.course ?? 0) : 0, number: 1 };
    const cell = `${car.state} ${Math.round(x / CELL)} ${Math.round(y / CELL)}`;
    const kind = worst.get(car.id);
    if (kind === "alarm" || (kind && car.state === "moving")) called.push({ ...own, id: `${kind} ${car.id}`, kind, name: car.plate || car.name[KEY] });
    else if (car.state === "moving") found.push(own);
    else if (cells.has(cell)) cells.get(cell).number += 1;
    else cells.set(cell, { ...own, id: cell });
  }
  return [...cells.values(), ...found, ...called.sort((a, b) => URGENCY.indexOf(a.kind) - URGENCY.indexOf(b.kind))];
}

function buildMark({ state, id, kind }) {
  const text = draw("text", { x: -13, y: 7, "text-anchor": "end" });
  const parts = [shape(state), text];
  if (kind) parts.push(draw("circle", { r: 17, class: "called", "data-state": kind }));
  return { element: draw("g", { "data-mark": id }, ...parts), text };
}

/** The number of cars of a mark; of a car that calls, whose it is, on the side away from the crowded middle if there is room. */
function label(row, { x, number: count, kind, name }) {
  put(row.text, kind === "alarm" ? name : count > 1 ? number(count) : "");
  const length = kind ? 23 + name.length * LETTER : 0;
  const right = kind && (x < size.width / 2 ? x < length : x + length < size.width);
  mark(row.text, "x", right ? "23" : kind ? "-23" : "-13");
  mark(row.text, "text-anchor", right ? "start" : "end");
}

function buildLegend({ id }) {
  const icon = draw("svg", { viewBox: "-12 -12 24 24", "aria-hidden": "true" }, shape(id));
  const count = make("b");
  return { element: make("li", "", { "data-vehicles": id }, icon, say(`wall.vehicle.${id}`), count), count };
}

export function drawMap({ vehicles, map, alerts }) {
  const counts = STATES.map((id) => ({ id, count: vehicles.filter(({ state }) => state === id).length }));
  // before the picture is measured, which has what the legend leaves
  rows(document.querySelector("#map .legend"), counts, buildLegend).forEach((row, index) => put(row.count, number(counts[index].count)));
  const body = document.querySelector("#map .body");
  Object.assign(size, { width: body.clientWidth, height: body.clientHeight });
  const known = JSON.stringify([map, size]);
  if (ground !== known) {
    ground = known;
    layers = { ground: draw("g", {}, ...drawGround(map)), marks: draw("g", { class: "marks" }) };
    body.replaceChildren(draw("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-labelledby": "map-title" }, layers.ground, layers.marks));
  }
  const worst = new Map(openAlerts(alerts).reverse().map(({ subject, severity }) => [subject, SEVERITY[severity]]));
  const found = marks(vehicles, worst);
  rows(layers.marks, found, buildMark).forEach((row, index) => {
    const { x, y, course, state } = found[index];
    mark(row.element, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    mark(row.element.firstChild, "d", SHAPES[state]);
    mark(row.element.firstChild, "class", state);
    mark(row.element.firstChild, "transform", `rotate(${course.toFixed(0)})`);
    label(row, found[index]);
  });
  const calling = vehicles.filter(({ id }) => worst.get(id) === "alarm").length;
  put(document.querySelector("#map .note"), say(calling ? "wall.vehicles_alarm" : "wall.vehicles", { n: vehicles.length, alarms: calling }));
}
