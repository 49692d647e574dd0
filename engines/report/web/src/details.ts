// The table below the charts: days, from the page itself, and what the server answers.

import { before, type Cube } from "./cube.ts";
import type { Data, Detail } from "./data.ts";
import { button, h, keepingFocus, table } from "./dom.ts";
import { chip, shown } from "./filters.ts";
import { change, isoDay, longDay, withUnit, written } from "./format.ts";
import { ask } from "./server.ts";
import { DAYS, kept, type State } from "./state.ts";

/** As `explore/details.rs` answers. */
interface DetailRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly numeric: readonly boolean[];
  readonly keys: readonly string[];
  readonly is_cut: boolean;
}

export class Details {
  readonly element: HTMLElement;
  readonly #data: Data;
  readonly #cube: Cube;
  readonly #change: (state: State) => void;
  readonly #tabs = h("div", { class: "presets", role: "group", "aria-label": "Details by" });
  readonly #path = h("div", { class: "chips" });
  readonly #body = h("div", {});
  #asking: AbortController | null = null;

  constructor(data: Data, cube: Cube, change: (state: State) => void) {
    this.#data = data;
    this.#cube = cube;
    this.#change = change;
    const note =
      data.live === null && data.details.length > 0
        ? `${data.details.map(({ title }) => title).join(", ")}: on a page that is served, not in this file.`
        : "";
    this.element = h(
      "div",
      { class: "part details", tabindex: "-1", role: "region", "aria-label": "Details" },
      h("h3", {}, "Details"),
      this.#tabs,
      note === "" ? null : h("p", { class: "hint" }, note),
      this.#path,
      this.#body,
    );
  }

  update(state: State): void {
    this.#asking?.abort();
    this.#asking = null;
    const details = this.#data.live === null ? [] : this.#data.details;
    const tabs = [{ id: DAYS, title: "Days" }, ...details].map(({ id, title }) => {
      const attributes = { "aria-pressed": String(state.detail === id), "data-key": `detail:${id}` };
      return button(title, attributes, () => this.#change({ ...state, detail: id }));
    });
    this.#tabs.replaceChildren(...tabs);
    const detail = details.find(({ id }) => id === state.detail);
    this.#path.replaceChildren(...this.#keys(state, detail));
    if (detail) void this.#fetch(state, detail);
    else this.#body.replaceChildren(this.#days(state));
  }

  /** The keys that narrow a detail: those of the details before it. */
  #keys(state: State, detail: Detail | undefined): HTMLElement[] {
    const chips = [];
    for (const { id, key } of this.#data.details) {
      if (detail === undefined || id === detail.id) break;
      const value = key === null ? undefined : state.keys.get(key.column);
      if (key === null || value === undefined) continue;
      const remove = () => {
        const keys = new Map(state.keys);
        keys.delete(key.column);
        this.#change({ ...state, keys });
      };
      chips.push(chip(`${key.title}: ${shown(value)}`, `key:${key.column}`, remove));
    }
    return chips;
  }

  #days(state: State): HTMLElement {
    const { measures, date } = this.#data;
    const { range } = state;
    const filters = kept(state, this.#data);
    const values = measures.map((measure) => this.#cube.byDay(measure, range, filters));
    const chosen = Math.max(0, measures.findIndex(({ id }) => id === state.measure));
    const measure = measures[chosen];
    const isCompared = state.isCompared && this.#cube.hasData(before(range));
    const earlier = measure && isCompared ? this.#cube.byDay(measure, before(range), filters) : null;
    const columns = [{ title: date.title, isNumber: false }];
    for (const each of measures) columns.push({ title: withUnit(each), isNumber: true });
    if (earlier) columns.push({ title: `${measure?.title ?? ""}: change`, isNumber: true });
    const rows = [];
    for (let index = range.to - range.from; index >= 0; index--) {
      const day = range.from + index;
      const choose = () => this.#change({ ...state, range: { from: day, to: day }, detail: this.#next(DAYS) ?? DAYS });
      const row: (Node | string)[] = [button(longDay(day), { class: "link", "data-key": `day:${isoDay(day)}` }, choose)];
      measures.forEach(({ format }, at) => row.push(written(values[at]?.[index] ?? 0, format)));
      if (earlier && measure) {
        row.push(change(values[chosen]?.[index] ?? 0, earlier[index] ?? 0, measure.format));
      }
      rows.push(row);
    }
    return table("Days: table", columns, rows);
  }

  /** The detail after another one, if there is a server to answer it. */
  #next(id: string): string | undefined {
    if (this.#data.live === null) return undefined;
    const at = id === DAYS ? 0 : this.#data.details.findIndex((detail) => detail.id === id) + 1;
    return this.#data.details[at]?.id;
  }

  async #fetch(state: State, detail: Detail): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    this.#body.replaceChildren(h("p", { class: "hint", role: "status" }, "Asking the warehouse \u2026"));
    const values: Record<string, readonly string[]> = Object.fromEntries(state.values);
    for (const { id, key } of this.#data.details) {
      if (id === detail.id) break;
      const value = key === null ? undefined : state.keys.get(key.column);
      if (key !== null && value !== undefined) values[key.column] = [value];
    }
    const filters = { from: isoDay(state.range.from), to: isoDay(state.range.to), values };
    const answer = await ask<DetailRows>("api/detail", { detail: detail.id, filters }, asking.signal);
    if (asking.signal.aborted) return;
    keepingFocus(() => {
      if ("error" in answer) {
        this.#body.replaceChildren(h("p", { class: "error", role: "alert" }, answer.error));
        return;
      }
      this.#body.replaceChildren(...this.#answered(state, detail, answer.rows));
    });
  }

  #answered(state: State, detail: Detail, found: DetailRows): HTMLElement[] {
    if (found.rows.length === 0) return [h("p", { class: "hint", role: "status" }, "Nothing matches the filters.")];
    const columns = found.columns.map((title, index) => ({ title, isNumber: found.numeric[index] ?? false }));
    const rows = found.rows.map((row, at) => {
      const key = found.keys[at];
      const [first = "", ...others] = row;
      if (detail.key === null || key === undefined) return row;
      const { column } = detail.key;
      const choose = () =>
        this.#change({
          ...state,
          keys: new Map([...state.keys, [column, key]]),
          detail: this.#next(detail.id) ?? detail.id,
        });
      return [button(first, { class: "link", "data-key": `key:${column}:${key}` }, choose), ...others];
    });
    const count = found.is_cut
      ? `The first ${found.rows.length} rows; there are more. Narrow the filters to see them.`
      : `${found.rows.length} ${found.rows.length === 1 ? "row" : "rows"}.`;
    return [h("p", { class: "hint", role: "status" }, count), table(`${detail.title}: table`, columns, rows)];
  }
}
