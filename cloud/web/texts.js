// Texts, numbers and times in the language of the page, for every page.

export const LANG = document.documentElement.lang;
export const KEY = LANG === "en" ? "en" : "zh";
const ZONE = "Asia/Shanghai";
const NOTHING = "—";

const read = async (name) => (await fetch(`/web/${name}`)).json();
const [messages, indicators] = await Promise.all(["messages.json", "indicators.json"].map(read));

/** With how many decimals an indicator is shown in a place (`page`, `wall`). */
export const digits = (id, place) => indicators[id]?.[place] ?? 2;

/** A text of the catalogue; {name} stands for a value, {name:how} for one that is written in a way. */
export function say(key, values = {}, otherwise = key) {
  const text = messages[key]?.[KEY] ?? otherwise;
  return text.replace(/{(\w+)(?::([^}]+))?}/g, (whole, name, how) => written(values[name], how) ?? whole);
}

/** What the service has to tell: a code of the catalogue with parameters, said as `cloud/texts.py` says it. */
export const tell = (message) => say(message.code, message.params);

// `.1f` asks for decimals, `+` for a sign, `local` for a time as date and time of day; a message may be a parameter of another.
function written(value, how = "") {
  if (value?.code) return tell(value);
  if (how === "local" && !Number.isNaN(Date.parse(value))) return local(Date.parse(value), { dateStyle: "short", timeStyle: "short" }, "sv-SE");
  const decimals = how.match(/\.(\d)f/);
  return how && typeof value === "number" ? `${how[0] === "+" && value >= 0 ? "+" : ""}${decimals ? value.toFixed(Number(decimals[1])) : value}` : value;
}

const minus = (text) => text.replace("-", "−");

/** A number with as many digits as said (or no fewer than `least`); — where there is none. */
export function number(value, digits = 0, least = digits) {
  if (value === null || value === undefined) return NOTHING;
  const format = { minimumFractionDigits: least, maximumFractionDigits: digits };
  return minus(new Intl.NumberFormat(LANG, format).format(value));
}

/** A share as percent, with a sign if asked for. */
export function percent(value, digits = 1, signed = false) {
  if (value === null || value === undefined) return NOTHING;
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: signed ? "exceptZero" : "auto" };
  return minus(`${new Intl.NumberFormat(LANG, format).format(value * 100)} %`);
}

/** Date and time parts in Shanghai, as Intl options ask for. */
export const local = (ms, options, as = LANG) => new Intl.DateTimeFormat(as, { timeZone: ZONE, hourCycle: "h23", ...options }).format(ms);
export const clock = (ms) => local(ms, { hour: "2-digit", minute: "2-digit" });
export const date = (ms) => local(ms, { month: KEY === "zh" ? "long" : "short", day: "numeric" });
export const day = (ms) => `${date(ms)} ${local(ms, { weekday: "short" })}`;

/** How long ago something was, in its largest unit. */
export function age(text, now) {
  if (!text) return NOTHING;
  const seconds = Math.max(0, Math.round((now - Date.parse(text)) / 1000));
  const [unit, length] = [["d", 86400], ["h", 3600], ["min", 60]].find(([, each]) => seconds >= 2 * each) ?? ["s", 1];
  return say(`age.${unit}`, { n: number(Math.floor(seconds / length)) });
}
