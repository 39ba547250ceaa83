/** Figures as people read them. Where nothing was measured there is a dash. */

export const NOTHING = "–";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DAY = 86_400;

type Figure = number | null | undefined;

export function count(value: Figure): string {
  return value == null ? NOTHING : grouped.format(value);
}

export function rate(value: Figure): string {
  if (value == null) return NOTHING;
  return value > 0 && value < 10 ? value.toFixed(1) : grouped.format(value);
}

export function bytes(value: Figure): string {
  if (value == null) return NOTHING;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let size = value;
  for (; size >= 999.5 && unit < units.length - 1; unit++) size /= 1000;
  return `${unit > 0 && size < 9.95 ? size.toFixed(1) : size.toFixed(0)} ${units[unit]}`;
}

/** From fractions of a millisecond to days. */
export function duration(seconds: Figure): string {
  if (seconds == null) return NOTHING;
  if (seconds < 0.00995) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(0)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${seconds.toFixed(0)} s`;
  if (seconds < 5400) return `${(seconds / 60).toFixed(0)} min`;
  if (seconds < 2 * DAY) return `${(seconds / 3600).toFixed(0)} h`;
  return `${(seconds / DAY).toFixed(0)} days`;
}


export function ago(seconds: Figure): string {
  if (seconds == null) return NOTHING;
  return seconds < 1 ? "now" : `${duration(Math.floor(seconds))} ago`;
}

const clockFormat = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
const dayFormat = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

const minuteFormat = new Intl.DateTimeFormat("en", { timeStyle: "short", hourCycle: "h23" });

/** Hours and minutes where the reader is. */
export function timeOfDay(ms: number): string {
  return minuteFormat.format(ms);
}

/** The reader's time zone, as `GMT+2`: logs may be in another. */
export function timeZone(): string {
  const parts = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" }).formatToParts();
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}

/** The time of day where the reader is, with the date unless that is today. */
export function clock(ms: number): string {
  const at = new Date(ms);
  const time = clockFormat.format(at);
  return at.toDateString() === new Date().toDateString() ? time : `${dayFormat.format(at)}, ${time}`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A person by name and id. */
export function whoOf({ user, name }: { user: string; name: string }): string {
  if (user === "") return "unknown";
  return name === "" || name === user ? user : `${name} (${user})`;
}
