// Zones, elevators and alerts.

import { age, clock, KEY, number, say } from "./texts.js";
import { make, mark, openAlerts, place, put, rows, SEVERITY, state } from "./wall-dom.js";

const ARROWS = { up: "▲", down: "▼" };
const FLOORS = { odd: 1, even: 0 }; // what a served floor leaves, divided by 2

function buildZone({ id, name }) {
  const part = { number: make("span"), set: make("span", "set"), shape: make("span", "shape"), run: make("span") };
  const room = make("p", "room", {}, part.number, part.set);
  part.element = make("article", "zone", { "data-zone": id }, make("h3", "", {}, name[KEY]), room, make("p", "run", {}, part.shape, " ", part.run));
  part.room = room;
  return part;
}

/** State, words: what the zone's switch does now, or why that is not known. A number that the profile does not name says nothing. */
function standing(zone, alert, now) {
  const lost = zone.room_temperature.since ?? zone.on.since;
  if (zone.on.value === null || lost) return ["unknown", lost ? say("wall.silent", { age: age(lost, now) }) : say("wall.never_read")];
  if (zone.faulty) return ["alarm", say("wall.fault", { what: say(`wall.fault.${zone.fault}`, {}, zone.fault) })];
  const unnamed = zone.running === null ? number(zone.on.value) : zone.fault !== null && zone.faulty === null ? zone.fault : null;
  const kind = SEVERITY[alert?.severity ?? zone.beyond] ?? (unnamed !== null ? "unknown" : zone.running ? "ok" : "off");
  if (unnamed !== null) return [kind, say("wall.state_unknown", { number: unnamed })];
  if (!zone.running) return [kind, say("wall.off")];
  return [kind, [zone.mode, zone.fan].filter(Boolean).map((word) => say(`wall.hvac.${word}`, {}, word)).join(" · ")];
}

const KINDS = ["ok", "info", "warning", "alarm", "off", "unknown"];
const degrees = ({ value }) => (value === null ? number(null) : `${number(value, 1)}°`);

export function drawZones({ zones, alerts }, now) {
  const body = document.querySelector("#zones .body");
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  const open = openAlerts(alerts);
  const built = rows(body, [...zones, { id: "sum" }], (zone) => (zone.id === "sum" ? buildSum() : buildZone(zone)));
  zones.forEach((zone, index) => {
    const row = built[index];
    const [kind, word] = standing(zone, open.find(({ subject }) => subject === zone.id || subject === zone.device), now);
    counts[kind] += 1;
    mark(row.element, "data-state", kind);
    state(row.shape, kind);
    put(row.run, word);
    put(row.number, degrees(zone.room_temperature));
    mark(row.room, "class", zone.room_temperature.since ? "room old" : "room");
    put(row.set, `→ ${degrees(zone.setpoint)}`);
    mark(row.set, "data-state", SEVERITY[zone.beyond] ?? "");
  });
  for (const [kind, number_] of Object.entries(built.at(-1).numbers)) put(number_, number(counts[kind]));
}

function buildSum() {
  const element = make("div", "sum");
  const numbers = {};
  for (const kind of KINDS) {
    const shape = make("span", "shape");
    state(shape, kind);
    numbers[kind] = make("b");
    element.append(make("p", "", {}, shape, " ", say(`wall.zone.${kind}`)), numbers[kind]);
  }
  return { element, numbers };
}

function buildGroup(group) {
  const part = { shape: make("span", "shape"), when: make("span") };
  const head = make("h3", "", {}, make("span", "", {}, group.name[KEY]), make("span", "when", {}, part.shape, " ", part.when));
  part.cars = make("div", "cars");
  part.element = make("div", "group", { "data-group": group.id }, head, part.cars);
  return part;
}

function buildCar(floors) {
  return (car) => {
    const part = { parity: make("span", "parity"), cab: make("span", "cab"), does: make("span", "does"), cells: [] };
    const shaft = make("div", "shaft");
    for (let floor = 1; floor <= floors; floor += 1) part.cells.push(make("i"));
    shaft.append(...part.cells, part.cab);
    part.element = make("div", "car", { "data-car": car.id }, part.parity, shaft, part.does);
    return part;
  };
}

export function drawLifts({ lifts }, now) {
  const groups = rows(document.querySelector("#lifts .body"), lifts, buildGroup);
  lifts.forEach((group, index) => {
    const { shape, when, cars } = groups[index];
    state(shape, group.window ? "ok" : "off");
    put(when, say(group.window ? "wall.window_until" : group.next ? "wall.window_next" : "wall.window_none", { until: group.until, next: group.next }));
    const built = rows(cars, group.cars, buildCar(group.floors));
    group.cars.forEach((car, number_) => drawCar(car, group.floors, built[number_], now));
  });
}

function drawCar(car, floors, part, now) {
  const gone = car.floor.value === null || car.floor.since !== null;
  const unnamed = car.fault !== null && car.faulty === null ? car.fault : car.mode !== null && car.special === null ? car.mode : null;
  mark(part.cab, "data-state", gone ? "off" : car.faulty ? "alarm" : car.special ? "warning" : unnamed !== null ? "unknown" : "normal");
  put(part.parity, say(`wall.parity.${car.parity}`, {}, number(null)));
  put(part.cab, number(car.floor.value));
  place(part.cab, "left", `clamp(0px, ${(((car.floor.value ?? 1) - 0.5) / floors) * 100}% - 20px, 100% - 40px)`);
  part.cells.forEach((cell, index) => {
    const named = car.parity === "every floor" || car.parity in FLOORS;
    const serves = named && (car.parity === "every floor" || index === 0 || (index + 1) % 2 === FLOORS[car.parity]);
    mark(cell, "class", serves ? "served" : "");
  });
  put(part.does, gone ? age(car.floor.since, now) : does(car, unnamed));
}

/** A fault, a mode that overrides, or how the car moves; of what has no name, its number. */
function does(car, unnamed) {
  if (car.faulty) return say("wall.fault", { what: say(`wall.fault.${car.fault}`, {}, car.fault) });
  if (car.special) return say(`wall.lift.${car.mode}`, {}, car.mode);
  if (unnamed !== null) return say("wall.state_unknown", { number: unnamed });
  return ARROWS[car.direction] ?? (car.door === "open" ? say("wall.door_open") : car.direction === "standing" ? say("wall.stands") : number(null));
}

function buildAlert() {
  const part = { shape: make("span", "shape"), what: make("p", "what"), at: make("p", "at"), whom: make("p", "whom") };
  part.element = make("article", "alert", {}, part.shape, part.what, part.at, part.whom);
  return part;
}

const MOST = 6; // alerts that are tried; those that do not fit are counted

export function drawAlerts({ alerts, alert_counts: counts }, now) {
  const open = openAlerts(alerts);
  const body = document.querySelector("#alerts .body");
  let fit = Math.min(open.length, MOST);
  do drawList(body, open, fit, counts.open - fit, now);
  while (body.scrollHeight > body.clientHeight && --fit > 0);
  put(document.querySelector("#alerts .note"), open.length ? say("wall.not_acknowledged", { n: counts.firing }) : "");
}

function drawList(body, open, fit, rest, now) {
  const more = rest > 0 ? [{ id: "more", number: rest }] : [];
  const shown = open.length ? [...open.slice(0, fit), ...more] : [{ id: "none" }];
  const built = rows(body, shown, (item) => (item.id === "none" ? buildNone() : item.id === "more" ? { element: make("p", "more") } : buildAlert()));
  shown.forEach((alert, index) => {
    const row = built[index];
    if (alert.id === "more") put(row.element, say("wall.more", { n: alert.number }));
    else if (alert.id !== "none") drawAlert(row, alert, now);
  });
}

function drawAlert(row, alert, now) {
  const told = alert.nobody_told ? say("wall.nobody_told") : "";
  const explained = alert.inhibited_by ? say("wall.inhibited", { by: alert.inhibited_by.title[KEY] }) : "";
  const seen = alert.state === "acknowledged" ? say("wall.acknowledged") : "";
  mark(row.element, "class", `alert ${alert.severity}`);
  mark(row.element, "data-alert", alert.id);
  state(row.shape, SEVERITY[alert.severity]);
  put(row.what, alert.title[KEY]);
  put(row.at, alertTime(Date.parse(alert.fired_at), now));
  put(row.whom, [alert.subject_name[KEY], explained, seen, told].filter(Boolean).join(" · "));
}

const alertTime = (at, now) => (now - at < 86400000 ? clock(at) : age(new Date(at).toISOString(), now));

function buildNone() {
  const shape = make("span", "shape");
  state(shape, "ok");
  return { element: make("p", "none", {}, shape, say("wall.no_alerts")) };
}
