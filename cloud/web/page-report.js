// The form that has a report made: how it stands, then the file, or the reason why there is none.

import { here } from "./district.js";
import { KEY, say, tell } from "./texts.js";

const LOOK_EVERY = 1000;
const FULL = 503;
const form = document.getElementById("report");
const said = form.querySelector("output");

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Error(answer.status === FULL ? say("report.full") : problem.code ? tell(problem) : `${answer.status}`);
}

const choose = (name, choices) => form[name].replaceChildren(...choices.map(([value, text]) => new Option(text, value)));

function periods() {
  const month = (number) => new Intl.DateTimeFormat(document.documentElement.lang, { month: "long" }).format(new Date(2000, number - 1, 1));
  const numbers = (count) => Array.from({ length: count }, (_, index) => index + 1);
  const quarters = numbers(4).map((n) => [`quarter=${n}`, say("quarter", { n })]);
  return [["", say("whole_year")], ...quarters, ...numbers(12).map((n) => [`month=${n}`, month(n)])];
}

function scopes(units) {
  const compounds = [...new Set(units.map((unit) => unit.compound))].filter(Boolean).sort();
  const named = (unit) => [`unit:${unit.id}`, unit.name];
  return [["district", say("report.scope.district")], ...compounds.map((id) => [`compound:${id}`, `${say("report.scope.compound")} ${id}`]), ...units.map(named)];
}

function save(content, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const underWay = (job) => (job.place ? say("report.waiting", { place: job.place }) : say(`report.step.${job.step ?? "start"}`));

/** Has a report made, says how it stands, and returns where its file is. */
async function made(path) {
  const asked = await ask(path, { method: "POST" });
  const state = asked.headers.get("Location");
  let job = await asked.json();
  while (!job.path) {
    if (job.state === "failed") throw new Error(say(`report.failed.${job.code}`, {}, job.detail));
    said.textContent = underWay(job);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    job = await (await ask(state)).json();
  }
  return job.path;
}

async function make() {
  const wanted = new URLSearchParams(form.period.value);
  for (const name of ["year", "scope", "format"]) wanted.set(name, form[name].value);
  wanted.set("lang", KEY);
  const answer = await ask(await made(here(`/api/v1/reports/${form.report.value}?${wanted}`)));
  const name = answer.headers.get("Content-Disposition").match(/filename="(.+)"/)[1];
  save(await answer.blob(), name);
  said.textContent = name;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  make().catch((error) => (said.textContent = error.message)).finally(() => (button.disabled = false));
});

const kinds = await (await ask("/api/v1/reports")).json();
choose("report", kinds.map((kind) => [kind.id, kind.title[KEY]]));
form.report.parentElement.hidden = kinds.length < 2;
choose("period", periods());
form.year.value = (await (await fetch("/healthz")).json()).year; // it is said while the service still starts, too
choose("scope", scopes(await (await ask(here("/api/v1/units"))).json()));
