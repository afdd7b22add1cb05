// The overview: one stream says what changes of readings and alerts; a page of devices is asked for every few seconds, the targets every
// minute. All text is set as text, never as markup.

import { here } from "./district.js";
import { KEY, digits, local, number, percent, say, tell } from "./texts.js";

const PERIOD = 5000;
const TARGETS = 60000; // they rest on complete days
const DEVICES = 200; // of a page
const SHOWN = 6; // readings of a device in its row

const time = (text) => (text === null ? say("none") : local(Date.parse(text), { dateStyle: "short", timeStyle: "medium" }));

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

async function ask(path) {
  const answer = await fetch(here(path), { headers: { Accept: "application/json" } });
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function card(indicator) {
  const made = element("article", undefined, "card");
  const [places, status] = [digits(indicator.id, "page"), indicator.status];
  made.append(
    element("h3", say(`indicator.${indicator.id}`)),
    element("p", `${number(indicator.actual.value, places)} ${say(`unit.${indicator.unit}`)}`, "figure"),
    element("p", `${say("baseline")} ${number(indicator.baseline.value, places)}`),
    element("p", `${say("change")} ${percent(indicator.change, 1, true)} · ${say("target")} ${percent(indicator.target_change, 1, true)}`),
    element("p", say(status ? `status.${status}` : "no_target"), status ?? "quiet"),
  );
  if (indicator.code) made.append(element("p", tell(indicator), "quiet"));
  return made;
}

function reading(item) {
  const point = say(`grafana.point.${item.point}`, {}, item.point);
  if (item.quality !== "good") return `${point} ${say(item.quality)}`;
  return `${point} ${number(item.value, 3, 0)}${item.unit === "1" ? "" : ` ${item.unit}`}`;
}

const known = { alerts: [], counts: { open: 0 }, version: null, readings: new Map(), after: "", targetsAt: -TARGETS };
let names = {};

// What people call a device, above the name that files and logs have for it; names are asked for again when a device is new.
function named(id) {
  const cell = element("td", names[id]?.[KEY]);
  cell.append(element("p", id, "quiet"));
  return cell;
}

function row(device, newest) {
  const made = element("tr");
  const state = device.online ? "online" : "offline";
  made.append(
    named(device.id),
    element("td", say(`class.${device.class}`, {}, device.class)),
    element("td", device.gateway),
    element("td", say(state), state),
    element("td", time(device.last_seen)),
    element("td", newest.slice(0, SHOWN).map(reading).join(" · ")),
  );
  return made;
}

async function acknowledge(alert, note) {
  const answer = await fetch(here(`/api/v1/alerts/${encodeURIComponent(alert.id)}/acknowledge`), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ note }),
  });
  const said = { 403: "may_not_acknowledge", 409: "alert_over" }[answer.status];
  document.getElementById("freshness").textContent = answer.ok ? say("acknowledged_now") : say(said ?? "lost");
  if (!answer.ok) return;
  const seen = await answer.json();
  known.alerts = known.alerts.map((other) => (other.id === seen.id ? seen : other));
  showAlerts();
}

function acknowledgeForm(alert) {
  const made = element("form");
  const label = element("label", say("note"));
  const field = element("input");
  field.name = "note";
  field.maxLength = 500;
  label.append(" ", field);
  made.append(label, " ", element("button", say("acknowledge")));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    acknowledge(alert, field.value).catch(console.warn);
  });
  return made;
}

function alertItem(alert) {
  const made = element("li", undefined, `alert ${alert.severity}`);
  made.dataset.id = alert.id;
  made.append(
    element("strong", `${say(`severity.${alert.severity}`)} · ${alert.title[KEY]}`),
    element("p", alert.detail[KEY]),
    element("p", `${say("since")} ${time(alert.since)}`, "quiet"),
  );
  const by = alert.inhibited_by;
  if (by) made.append(element("p", `${say("inhibited_by")} ${by.title[KEY]} · ${by.subject}`, "quiet"));
  if (alert.nobody_told) made.append(element("p", say("nobody_told"), "bad"));
  if (alert.state === "firing") made.append(acknowledgeForm(alert));
  else made.append(element("p", `${say("acknowledged_by")} ${alert.acknowledged_by}${alert.note ? ` · ${alert.note}` : ""}`, "quiet"));
  return made;
}

// What somebody is writing into a form must not vanish because the list is shown anew.
function showAlerts() {
  const list = document.getElementById("alerts");
  const open = known.alerts.filter((a) => a.state !== "resolved");
  const rest = known.counts.open - open.length;
  const state = JSON.stringify([open, rest]);
  if (list.dataset.state === state) return;
  const drafts = new Map([...list.querySelectorAll("li")].map((li) => [li.dataset.id, li.querySelector("input")]));
  const focused = document.activeElement?.closest("#alerts li")?.dataset.id;
  list.dataset.state = state;
  list.replaceChildren(...(open.length ? open.map(alertItem) : [element("li", say("no_alerts"), "quiet")]));
  if (open.length && rest > 0) list.append(element("li", say("more_alerts", { n: number(rest) }), "quiet"));
  for (const li of list.querySelectorAll("li")) {
    const field = li.querySelector("input");
    if (field && drafts.get(li.dataset.id)) field.value = drafts.get(li.dataset.id).value;
    if (field && li.dataset.id === focused) field.focus();
  }
}

// Made anew whenever the stream is: it begins with all there is. A change that goes on from another state than ours means that we missed one.
function listen() {
  const stream = new EventSource(here("/api/v1/events"));
  const again = () => {
    stream.close();
    setTimeout(listen, PERIOD);
  };
  const hear = (name, use) => stream.addEventListener(name, (message) => use(JSON.parse(message.data), Number(message.lastEventId)));
  hear("readings", (items) => {
    for (const item of items) known.readings.set(item.device, (known.readings.get(item.device) ?? new Map()).set(item.point, item));
  });
  hear("alerts", (alerts, version) => {
    Object.assign(known, { alerts, version });
    showAlerts();
  });
  hear("alert_changes", (change, version) => {
    if (change.before !== known.version) return again();
    const by = new Map([...known.alerts, ...change.alerts].map((alert) => [alert.id, alert]));
    const order = change.order ?? known.alerts.map(({ id }) => id);
    Object.assign(known, { alerts: order.map((id) => by.get(id)), version });
    showAlerts();
  });
  hear("alert_counts", (counts) => {
    known.counts = counts;
    showAlerts();
  });
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) again(); // an answer such as 503 ends it for good; else the browser retries by itself
  };
}

async function showDevices() {
  const devices = await ask(`/api/v1/devices?limit=${DEVICES}${known.after && `&after=${encodeURIComponent(known.after)}`}`);
  const full = devices.length === DEVICES;
  if (devices.some(({ id }) => !(id in names))) names = await ask("/api/v1/names");
  document.getElementById("devices").replaceChildren(...devices.map((d) => row(d, [...(known.readings.get(d.id)?.values() ?? [])])));
  document.getElementById("pages").hidden = !full && !known.after;
  document.getElementById("next-page").disabled = !full;
  document.getElementById("next-page").onclick = () => turn(devices.at(-1).id);
  document.getElementById("first-page").onclick = () => turn("");
  return full;
}

function turn(after) {
  known.after = after;
  showDevices().catch(console.warn);
}

async function showTargets(year) {
  if (performance.now() - known.targetsAt < TARGETS) return;
  const targets = await ask(`/api/v1/targets?year=${year}`);
  known.targetsAt = performance.now();
  document.getElementById("targets").replaceChildren(
    ...targets.indicators.map(card),
    element("p", `${say("as_of")} ${time(targets.as_of)}`, "quiet"),
  );
}

async function show() {
  const { now, year } = await ask("/healthz");
  const [full] = await Promise.all([showDevices(), showTargets(year)]);
  document.getElementById("freshness").textContent = `${say("updated")} ${time(now)}`;
  return full ? 3 * PERIOD : PERIOD;
}

async function keepShowing() {
  let wait = PERIOD;
  try {
    wait = await show();
  } catch (error) {
    console.warn(error);
    document.getElementById("freshness").textContent = say("lost");
  }
  setTimeout(keepShowing, wait);
}

showAlerts();
listen();
await keepShowing();
