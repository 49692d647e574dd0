// What the reader has chosen. The fragment of the page's address holds it, so that a link shows the same, and the back button
// undoes a choice.

import type { Cube, Kept, Range } from "./cube.ts";
import type { Data } from "./data.ts";
import { dayNumber, isoDay } from "./format.ts";

/** The table of days, which needs no server. */
export const DAYS = "days";
/** Days that are shown at first. */
const DEFAULT_DAYS = 30;

export interface State {
  readonly range: Range;
  /** By column of a dimension: the values to keep; all without an entry. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** By column of a detail's key: its value. */
  readonly keys: ReadonlyMap<string, string>;
  readonly measure: string;
  readonly isCompared: boolean;
  readonly detail: string;
}

export function defaults(data: Data, cube: Cube): State {
  return {
    range: { from: Math.max(cube.first, cube.last - DEFAULT_DAYS + 1), to: cube.last },
    values: new Map(),
    keys: new Map(),
    measure: data.measures[0]?.id ?? "",
    isCompared: true,
    detail: DAYS,
  };
}

/** The state as the fragment's query: what differs from the defaults. */
export function write(state: State, data: Data, cube: Cube): string {
  const initial = defaults(data, cube);
  const query = new URLSearchParams();
  if (state.range.from !== initial.range.from) query.set("from", isoDay(state.range.from));
  if (state.range.to !== initial.range.to) query.set("to", isoDay(state.range.to));
  for (const { column } of data.dimensions) {
    for (const value of state.values.get(column) ?? []) query.append(`in.${column}`, value);
  }
  for (const [column, value] of state.keys) query.set(`key.${column}`, value);
  if (state.measure !== initial.measure) query.set("measure", state.measure);
  if (state.isCompared !== initial.isCompared) query.set("compare", "0");
  if (state.detail !== initial.detail) query.set("detail", state.detail);
  return query.toString();
}

/** The state that a fragment's query says; what makes no sense is left at its default. */
export function read(text: string, data: Data, cube: Cube): State {
  const initial = defaults(data, cube);
  const query = new URLSearchParams(text);
  const day = (name: string) => dayNumber(query.get(name) ?? "");
  const values = new Map<string, string[]>();
  for (const dimension of data.dimensions) {
    const asked = query.getAll(`in.${dimension.column}`);
    const known = dimension.values.filter((value) => asked.includes(value));
    if (known.length > 0) values.set(dimension.column, known);
  }
  const keys = new Map<string, string>();
  for (const { key } of data.details) {
    const value = key === null ? null : query.get(`key.${key.column}`);
    if (key !== null && value !== null) keys.set(key.column, value);
  }
  const asked = { from: day("from") ?? initial.range.from, to: day("to") ?? initial.range.to };
  const measure = query.get("measure");
  const detail = query.get("detail");
  return {
    range: clamped(asked, cube),
    values,
    keys,
    measure: data.measures.some(({ id }) => id === measure) && measure !== null ? measure : initial.measure,
    isCompared: query.get("compare") !== "0",
    detail: data.live !== null && data.details.some(({ id }) => id === detail) && detail !== null ? detail : DAYS,
  };
}

/** A range inside of the data, with its ends in order. */
export function clamped({ from, to }: Range, cube: Cube): Range {
  const inside = (day: number) => Math.min(Math.max(day, cube.first), cube.last);
  return { from: inside(Math.min(from, to)), to: inside(Math.max(from, to)) };
}

/** The filters of dimensions, by their indices. */
export function kept(state: State, data: Data): Kept {
  const kept = new Map<number, ReadonlySet<number>>();
  data.dimensions.forEach(({ column, values }, index) => {
    const chosen = state.values.get(column);
    if (chosen) kept.set(index, new Set(chosen.map((value) => values.indexOf(value))));
  });
  return kept;
}

/** The state with other values of a dimension; no values are all of them. */
export function withValues(state: State, column: string, values: readonly string[]): State {
  const all = new Map(state.values);
  if (values.length > 0) all.set(column, values);
  else all.delete(column);
  return { ...state, values: all };
}
