// Numbers and days as text, as `text.rs` writes them: a number looks the same in every part of the page.

import type { Format, Measure } from "./data.ts";

const UNITS = [
  [1, ""],
  [1e3, "k"],
  [1e6, "M"],
  [1e9, "B"],
  [1e12, "T"],
] as const;

/** A number for an axis or a tile: `1.2M`. */
export function compact(value: number): string {
  // What rounds to 1000 of a unit is one of the next.
  const [divisor, unit] = UNITS.find(([size]) => Math.abs(value) / size < 999.5) ?? [1e12, "T"];
  const scaled = value / divisor;
  const text = fixed(scaled, Math.abs(scaled) < 99.95 ? 1 : 0).replace(/\.0$/, "");
  return (text === "-0" ? "0" : text) + unit;
}

/** With this many digits, none or one; halves go to the even digit. */
function fixed(value: number, digits: 0 | 1): string {
  // Exactly between two numbers of one digit are odd quarters, between whole ones odd halves.
  const parts = value * (digits === 0 ? 2 : 4);
  if (Number.isInteger(parts) && Math.abs(parts) % 2 === 1) {
    const scale = digits === 0 ? 1 : 10;
    const below = Math.floor(value * scale);
    return ((below % 2 === 0 ? below : below + 1) / scale).toFixed(digits);
  }
  return value.toFixed(digits);
}

/** A decimal number with thousands separators and without a fraction of zeros; any other text unchanged. */
export function grouped(text: string): string {
  const parts = /^(-?)(0|[1-9]\d*)(?:\.(\d*))?$/.exec(text);
  if (!parts) return text;
  const [, sign = "", whole = "", fraction = ""] = parts;
  const digits = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return sign + digits + (/^0*$/.test(fraction) ? "" : `.${fraction}`);
}

/** A share: 0.125 as `12.5 %`. */
export function percent(share: number): string {
  return `${fixed(100 * share, 1)} %`;
}

/** A value of a measure. */
export function written(value: number, format: Format): string {
  switch (format) {
    case "compact":
      return compact(value);
    case "percent":
      return percent(value);
    case "grouped":
      return grouped(String(Math.round(value * 100) / 100));
    case "plain":
      return String(Math.round(value * 100) / 100);
  }
}

/** A measure's title with its unit, unless the title says it. */
export function withUnit({ title, unit }: Measure): string {
  return unit === "" || unit.toLowerCase() === title.toLowerCase() ? title : `${title}, ${unit}`;
}

/** How much more than before: `+3.2 %`; of shares, in percentage points. Nothing if there is nothing to compare with. */
export function change(now: number, before: number, format: Format): string {
  if (format === "percent") {
    return `${signed(100 * (now - before))} points`;
  }
  if (before === 0) return "";
  const share = (now - before) / Math.abs(before);
  return `${signed(100 * share)} %`;
}

/** With its sign; what rounds to nothing has none. */
function signed(value: number): string {
  const size = Math.abs(value);
  const text = size < 1000 ? fixed(size, 1) : compact(size);
  return `${Number.parseFloat(text) === 0 ? "" : value < 0 ? "\u2212" : "+"}${text}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY = 86_400_000;

/** A day as a number: days after 1 January 1970. `undefined` for what is no day. */
export function dayNumber(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const time = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(time) ? undefined : time / DAY;
}

/** A day as `2026-01-15`. */
export function isoDay(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10);
}

/** A day as `15 Jan`. */
export function shortDay(day: number): string {
  const date = new Date(day * DAY);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** A day as `15 Jan 2026`. */
export function longDay(day: number): string {
  return `${shortDay(day)} ${new Date(day * DAY).getUTCFullYear()}`;
}

/** A period as `1 Jan 2026 to 15 Jan 2026`. */
export function period(from: number, to: number): string {
  return from === to ? longDay(from) : `${longDay(from)} to ${longDay(to)}`;
}
