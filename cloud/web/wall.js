// The wall: one stream, one state, one drawing. It recovers by itself from whatever happens to the service or the network.

import { here } from "./district.js";
import { age, clock, day, KEY, say } from "./texts.js";
import { make, mark, place, put, state } from "./wall-dom.js";
import { drawKpis, drawLoad, drawTargets } from "./wall-figures.js";
import { drawMap } from "./wall-map.js";
import { drawAlerts, drawLifts, drawZones } from "./wall-plant.js";

const LOST = 6000; // ms of silence after which the screen says so
const SILENT = 20000; // ms of silence after which the stream is opened anew
const LONGEST_WAIT = 15000;
const BY_ID = ["zones", "lifts", "vehicles"];
const PANELS = [
  [drawKpis, ["load", "water", "targets", "data"]],
  [drawTargets, ["targets", "pace"]],
  [drawLoad, ["load"]],
  [drawZones, ["zones", "alerts"]],
  [drawLifts, ["lifts"]],
  [drawAlerts, ["alerts", "alert_counts"]],
  [drawMap, ["vehicles", "map", "alerts"]],
];
const wall = { draws: 0, state: null };
const at = (id) => document.getElementById(id);

let stream;
let heard = performance.now();
let wait = 1000;
let ended = false; // the token was revoked
let offset = 0; // the service's clock less ours, ms
const now = () => Date.now() + offset;

function fit() {
  const stage = at("stage");
  const scale = Math.min(innerWidth / stage.offsetWidth, innerHeight / stage.offsetHeight);
  const [x, y] = [innerWidth - stage.offsetWidth * scale, innerHeight - stage.offsetHeight * scale].map((rest) => Math.max(0, rest / 2));
  place(stage, "transform", scale === 1 && !x && !y ? "none" : `translate(${x}px, ${y}px) scale(${scale})`);
}

function merge(change) {
  const next = { ...wall.state, ...change };
  if ("alerts" in change) {
    const known = new Map([...wall.state.alerts, ...change.alerts].map((alert) => [alert.id, alert]));
    next.alerts = change.alert_order.map((id) => known.get(id));
  }
  for (const section of BY_ID.filter((name) => name in change)) {
    const changed = new Map(change[section].map((item) => [item.id, item]));
    next[section] = wall.state[section].map((item) => changed.get(item.id) ?? item);
  }
  return next;
}

function show(next, changed) {
  offset = Date.parse(next.now) - Date.now();
  wall.state = next;
  put(at("site"), next.site[KEY]);
  for (const [panel, sections] of PANELS) if (sections.some((section) => section in changed)) panel(next, now());
  wall.draws += 1;
  if (wall.draws === 1) performance.mark("drawn");
  mark(at("stage"), "data-draws", String(wall.draws)); // what a test can wait for
  tick();
}

function tick() {
  if (ended) return;
  put(at("date"), day(now()));
  put(at("clock"), clock(now()));
  const lost = performance.now() - heard > LOST;
  const [shape, word] = at("link").children;
  state(shape, !wall.state ? "off" : lost ? "alarm" : "ok");
  put(word, say(!wall.state ? "wall_connecting" : lost ? "wall.lost" : "wall.live"));
  put(at("age"), wall.state ? say("wall.data_age", { age: age(wall.state.data.at, now()) }) : "");
}

function hear(event, use) {
  stream.addEventListener(event, (message) => {
    heard = performance.now();
    wait = 1000;
    use(JSON.parse(message.data));
  });
}

function open() {
  stream?.close();
  stream = new EventSource(here("/api/v1/events?topic=wall"));
  hear("snapshot", (next) => show(next, next));
  hear("change", (change) => show(merge(change), change));
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) later(); // an answer such as 503 ends it for good; else the browser retries by itself
  };
}

/** Try again, after asking whether we still may: a token that was revoked ends what stands on the screen. */
function later() {
  setTimeout(async () => {
    wait = Math.min(2 * wait, LONGEST_WAIT);
    try {
      const { status } = await fetch(here("/api/v1/wall"));
      if (status === 401) end();
      else if (ended) location.reload();
      else return open();
    } catch {
      // the service is away; so it is asked again
    }
    later();
  }, wait);
}

function end() {
  ended = true;
  wall.state = null;
  at("stage").replaceChildren(make("p", "veil", { role: "alert" }, say("wall.withdrawn")));
}

addEventListener("resize", fit);
fit();
open();
setInterval(tick, 1000);
setInterval(() => {
  if (performance.now() - heard < SILENT) return;
  heard = performance.now();
  if (stream.readyState !== EventSource.CLOSED) open(); // else the next try is on its way
}, 5000);
