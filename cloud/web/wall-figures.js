// Key figures, targets and the load curve.

import { clock, date, digits, number, percent, say } from "./texts.js";
import { make, mark, place, put, rows, state } from "./wall-dom.js";

const STATUS = { ahead: "ok", met: "ok", at_risk: "warning", missed: "alarm", no_baseline: "off", no_figure: "off" };
const FULL = 0.04; // the bar's whole length: 4 % less than last year, or more where a target asks for more
const BEYOND = 1.6; // of such a target
const FONT = 20;
const NARROW = 620; // px of a chart under which every third hour is too much
const HOUR = 3600000;
let chart;

const kpi = (id, value, digits, unit, change, more = {}) => ({ id, value: number(value, digits), unit, change, ...more });

/** What stands in the six tiles. */
function tiles({ load, water, targets, data }) {
  const energy = targets.indicators.find(({ id }) => id === "energy_per_capita");
  const share = (value, before) => (value !== null && before ? value / before - 1 : null);
  const until = say("wall.until", { time: clock(Date.parse(load.until)) });
  return [
    kpi("load", load.now.value, 0, "kW", load.hour_change, { note: comparedHour(load) }),
    kpi("electricity", load.value, 0, load.unit, load.change, { note: until }),
    kpi("water", water.value, 1, "m³", water.change, { note: until }),
    kpi("night", water.night, 2, "m³/h", share(water.night, water.last_year_night)),
    kpi("measured", measured(energy) === null ? null : measured(energy) * 100, 1, "%", null, { note: manual(energy) }),
    { id: "online", value: number(data.online), unit: `/ ${number(data.devices)}`, change: null, lamp: data.online === data.devices ? "ok" : "warning" },
  ];
}

/** Which hour the change of the load is of. */
function comparedHour({ until, hour_change: change }) {
  const last = clockHours(until);
  return change === null ? "" : say("wall.hour", { first: last - 1, last });
}

const measured = (indicator) => (indicator?.actual.value == null ? null : indicator.provenance.measured);
const manual = (indicator) => (indicator?.provenance.manual ? say("wall.manual", { share: percent(indicator.provenance.manual, 0) }) : "");

export function drawKpis(all) {
  const built = rows(document.getElementById("kpis"), tiles(all), () => {
    const parts = { label: make("h3"), delta: make("p", "delta"), number: make("span"), unit: make("span", "unit"), note: make("p", "aside") };
    const value = make("p", "value", {}, parts.number, parts.unit);
    const lines = [make("div", "", {}, parts.label, parts.delta), make("div", "", {}, value, parts.note)];
    return { ...parts, element: make("article", "kpi", {}, ...lines) };
  });
  tiles(all).forEach((tile, index) => {
    const row = built[index];
    put(row.label, say(`wall.kpi.${tile.id}`));
    put(row.note, tile.note ?? "");
    put(row.number, tile.value);
    put(row.unit, tile.unit);
    mark(row.element, "data-kpi", tile.id);
    if (tile.lamp) return state(row.delta, tile.lamp);
    put(row.delta, tile.change === null ? "" : say("wall.year_on_year", { change: percent(tile.change, 1, true) }));
    mark(row.delta, "class", `delta ${tile.change === null ? "" : tile.change <= 0 ? "good" : "worse"}`);
  });
}

function buildTarget({ id }) {
  const part = { name: make("h3", "", {}, say(`indicator.${id}`)), change: make("p", "change"), status: make("p", "status"), goal: make("p", "goal") };
  Object.assign(part, { fill: make("i"), shape: make("span", "shape"), word: make("span"), used: make("dd"), left: make("dd") });
  part.number = make("span");
  part.until = make("span", "until");
  part.goal.append((part.limit = make("span")), (part.forecast = make("span")));
  part.change.append(part.number, make("span", "unit", {}, "%"), part.until);
  part.status.append(part.shape, " ", part.word);
  const pair = (key, value) => make("div", `pair ${key.slice(5)}`, {}, make("dt", "", {}, say(key)), " ", value);
  const bar = make("div", "bar", {}, part.fill, make("b"));
  part.tick = bar.lastChild;
  const list = make("dl", "", {}, pair("wall.used_of", part.used), pair("wall.allowance", part.left));
  part.element = make("article", "target", { "data-target": id }, part.name, part.status, part.change, part.goal, bar, list);
  return part;
}

export function drawTargets({ targets, pace }) {
  put(document.getElementById("targets-title"), say("wall.targets", { year: targets.year }));
  const built = rows(document.querySelector("#targets .body"), targets.indicators, buildTarget);
  targets.indicators.forEach((indicator, index) => {
    const [row, expected] = [built[index], pace.find(({ id }) => id === indicator.id).expected];
    const aimed = indicator.target_change !== null;
    const kind = STATUS[indicator.status] ?? "off";
    const places = digits(indicator.id, "wall");
    put(row.number, indicator.change === null ? number(null) : percent(indicator.change, 2, true).slice(0, -2));
    state(row.shape, kind);
    // what a met target rests on, such as much that is estimated, stands on the overview and in the report
    put(row.word, say(indicator.status === "met" && indicator.reason ? "status.met_noted" : aimed ? `status.${indicator.status}` : "no_target"));
    mark(row.element, "data-state", kind);
    put(row.until, indicator.actual.end ? say("wall.until", { time: date(Date.parse(indicator.actual.end) - 1) }) : "");
    put(row.limit, aimed ? say("wall.goal", { change: percent(indicator.target_change, 1, true) }) : "");
    const { value, change } = indicator.forecast;
    put(row.forecast, value === null ? "" : say("wall.forecast", { change: percent(change, 1, true) }));
    mark(row.fill, "data-state", kind);
    const full = -indicator.target_change > FULL ? -indicator.target_change * BEYOND : FULL;
    place(row.fill, "width", `${Math.min(1, Math.max(0, -indicator.change / full)) * 100}%`);
    place(row.tick, "visibility", aimed ? "visible" : "hidden");
    place(row.tick, "left", `calc(${Math.max(0, -indicator.target_change / full) * 100}% - 2px)`);
    const used = number(indicator.actual.value, places);
    put(row.used, `${aimed ? `${used} / ${number(expected, places)}` : used} ${say(`wall.unit.${indicator.unit}`)}`);
    put(row.left, `${number(indicator.allowance.value)} ${say(`wall.unit.${indicator.allowance.unit}`)}`);
  });
}

/** The options that never change; texts on a canvas are not seen by a test, so their size is one constant. */
function options() {
  const text = { color: "#a9b8d0", fontSize: FONT, fontFamily: getComputedStyle(document.body).fontFamily };
  const line = { type: "line", showSymbol: false, silent: true };
  return {
    animation: false,
    textStyle: text,
    grid: { left: 8, right: 30, top: 14, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "value", min: 0, max: 24, interval: 3, splitLine: { show: false }, axisLine: { lineStyle: { color: "#3a4a68" } },
      axisTick: { show: false }, axisLabel: { ...text, formatter: (hour) => `${String(hour).padStart(2, "0")}:00` },
    },
    yAxis: { type: "value", splitNumber: 3, splitLine: { lineStyle: { color: "#1d2a42" } }, axisLabel: text },
    series: [
      { ...line, id: "earlier", lineStyle: { color: "#8b9bb4", width: 3, type: "dashed" } },
      { ...line, id: "today", lineStyle: { color: "#38bdf8", width: 4 }, areaStyle: { color: "rgba(56, 189, 248, 0.14)" } },
      { id: "now", type: "scatter", silent: true, symbolSize: 14, itemStyle: { color: "#38bdf8" } },
    ],
  };
}

/** An hour's mean stands in its middle; an hour that is not known leaves a gap. */
function points(hours, midnight) {
  const known = new Map(hours.map(({ start, value }) => [Math.round((Date.parse(start) - midnight) / HOUR), value]));
  return [...Array(24).keys()].map((hour) => [hour + 0.5, known.get(hour) ?? null]);
}

export function drawLoad({ load }, now) {
  const body = document.querySelector("#load .body");
  if (!chart) {
    chart = window.echarts.init(body, null, { renderer: "canvas" });
    chart.setOption(options());
    new ResizeObserver(() => chart.resize()).observe(body);
  }
  const midnight = Date.parse(load.until) - clockHours(load.until) * HOUR;
  const today = points(load.hours, midnight).filter(([hour]) => hour < clockHours(load.until));
  const here = load.now.value === null ? [] : [[(now - midnight) / HOUR, load.now.value]];
  const first = load.last_year_hours.length ? Date.parse(load.last_year_hours[0].start) : 0;
  const earlier = points(load.last_year_hours, first - clockHours(first) * HOUR);
  chart.setOption({ xAxis: { interval: body.clientWidth < NARROW ? 6 : 3 }, series: [{ id: "earlier", data: earlier }, { id: "today", data: [...today, ...here] }, { id: "now", data: here }] });
  const all = load.now.value === null ? load.hours : [...load.hours, { start: new Date(now).toISOString(), value: load.now.value }];
  const peak = all.reduce((most, hour) => (most && most.value >= hour.value ? most : hour), null);
  const note = document.querySelector("#load .note");
  put(note, peak ? say("wall.peak", { value: number(peak.value), time: clock(Date.parse(peak.start)) }) : "kW");
}

/** Whole hours since midnight in Shanghai, of a time that is a whole hour. */
const clockHours = (at) => Number(clock(typeof at === "string" ? Date.parse(at) : at).slice(0, 2));
