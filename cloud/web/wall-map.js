// Vehicles on a map that needs no internet. Distance from the centre is drawn as its square root, so that the compounds keep their
// places apart and the farthest county still fits; rings say how far it is.

import { KEY, number, say } from "./texts.js";
import { draw, make, mark, put, rows } from "./wall-dom.js";

const [WIDTH, HEIGHT] = [460, 300];
const MARGIN = 26;
const KM = 111.32; // of a degree of latitude
const FARTHEST = 125; // km, at the rim; what is beyond stands on it
const RINGS = [5, 20, 50, 100];
const STATES = ["moving", "idling", "parked", "offline"];
const SHAPES = { moving: "M0,-11 L8,9 L0,4 L-8,9 Z", idling: "M0,-9 L9,0 L0,9 L-9,0 Z", parked: "M-7,-7 H7 V7 H-7 Z", offline: "M-7,0 A7,7 0 1 1 7,0 A7,7 0 1 1 -7,0 Z" };
const CELL = 26; // standing cars that would cover each other within this many px are one mark with their number

let layers;
let project;
let ground;

const shape = (state) => draw("path", { d: SHAPES[state], class: state });

function projection({ latitude, longitude }, width, height) {
  const stretch = Math.cos((latitude * Math.PI) / 180);
  const [half, tall] = [width / 2 - MARGIN, height / 2 - MARGIN];
  return (lat, lon) => {
    const [east, north] = [(lon - longitude) * stretch * KM, (lat - latitude) * KM];
    const far = Math.hypot(east, north);
    const share = Math.sqrt(Math.min(far, FARTHEST) / FARTHEST);
    return far ? [width / 2 + (east / far) * share * half, height / 2 - (north / far) * share * tall] : [width / 2, height / 2];
  };
}

function drawGround(map, width, height) {
  project = projection(map, width, height);
  const [half, tall] = [width / 2 - MARGIN, height / 2 - MARGIN];
  const parts = RINGS.map((km) => {
    const share = Math.sqrt(km / FARTHEST);
    return draw("ellipse", { cx: width / 2, cy: height / 2, rx: share * half, ry: share * tall, class: "ring" });
  });
  for (const road of map.roads) parts.push(draw("polyline", { points: road.map((at) => project(...at).join(",")).join(" "), class: "road" }));
  for (const town of map.landmarks) {
    const [x, y] = project(town.latitude, town.longitude);
    parts.push(draw("circle", { cx: x, cy: y, r: 4, class: "town" }));
    if (town.label) continue;
  }
  parts.push(...labels(map.landmarks, width));
  for (const compound of map.compounds) {
    const [x, y] = project(compound.latitude, compound.longitude);
    parts.push(draw("rect", { x: x - 7, y: y - 7, width: 14, height: 14, class: "compound" }, draw("title", {}, compound.name[KEY])));
  }
  return parts;
}

/** Names of towns, the farthest first; one that would cover another is left out. */
function labels(towns, width) {
  const taken = [];
  const found = [];
  const from = (town) => { const [x, y] = project(town.latitude, town.longitude); return Math.hypot(x - width / 2, y - HEIGHT / 2); };
  for (const town of [...towns].sort((a, b) => from(b) - from(a))) {
    const [x, y] = project(town.latitude, town.longitude);
    const length = town.name[KEY].length * (KEY === "zh" ? 20 : 11.5);
    const left = x + 9 + length < width ? x + 9 : x - 9 - length;
    const box = [left, y - 12, left + length, y + 12];
    if (taken.some(([a, b, c, d]) => box[0] < c && a < box[2] && box[1] < d && b < box[3])) continue;
    taken.push(box);
    found.push(draw("text", { x: left, y: y + 7 }, town.name[KEY]));
  }
  return found;
}

/** Cars that stand together are one mark; each moving car keeps its own. */
function marks(vehicles) {
  const found = [];
  const cells = new Map();
  for (const car of vehicles.filter(({ latitude, longitude }) => latitude !== null && longitude !== null)) {
    const [x, y] = project(car.latitude, car.longitude);
    const cell = `${car.state} ${Math.round(x / CELL)} ${Math.round(y / CELL)}`;
    if (car.state === "moving") found.push({ id: car.id, x, y, state: car.state, course: car.course ?? 0, number: 1 });
    else if (cells.has(cell)) cells.get(cell).number += 1;
    else cells.set(cell, { id: `${cell}`, x, y, state: car.state, course: 0, number: 1 });
  }
  return [...cells.values(), ...found];
}

function buildMark({ state, id }) {
  const text = draw("text", { x: 12, y: 7 });
  return { element: draw("g", { "data-mark": id }, shape(state), text), text };
}

function buildLegend({ id }) {
  const icon = draw("svg", { viewBox: "-12 -12 24 24", "aria-hidden": "true" }, shape(id));
  const count = make("b");
  return { element: make("li", "", { "data-vehicles": id }, icon, say(`wall.vehicle.${id}`), count), count };
}

export function drawMap({ vehicles, map }) {
  const body = document.querySelector("#map .body");
  const known = JSON.stringify(map);
  if (ground !== known) {
    ground = known;
    layers = { ground: draw("g", {}, ...drawGround(map, WIDTH, HEIGHT)), marks: draw("g") };
    body.replaceChildren(draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": "map-title" }, layers.ground, layers.marks));
  }
  const found = marks(vehicles);
  rows(layers.marks, found, buildMark).forEach((row, index) => {
    const { x, y, course, number: count } = found[index];
    mark(row.element, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    mark(row.element.firstChild, "transform", `rotate(${course.toFixed(0)})`);
    put(row.text, count > 1 ? number(count) : "");
  });
  const counts = STATES.map((id) => ({ id, count: vehicles.filter(({ state }) => state === id).length }));
  rows(document.querySelector("#map .legend"), counts, buildLegend).forEach((row, index) => put(row.count, number(counts[index].count)));
  const shown = vehicles.filter(({ latitude }) => latitude !== null).length;
  put(document.querySelector("#map .note"), say("wall.vehicles", { n: vehicles.length, located: shown }));
}
