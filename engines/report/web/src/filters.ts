// The filters above the charts, and those that are set as buttons that remove them.

import { before, type Cube } from "./cube.ts";
import type { Data, Dimension } from "./data.ts";
import { button, h } from "./dom.ts";
import { dayNumber, isoDay, period } from "./format.ts";
import { clamped, defaults, type State, withValues } from "./state.ts";

/** How an empty value is shown. */
export const shown = (value: string) => (value === "" ? "(none)" : value);

const PRESETS: readonly (readonly [string, number])[] = [
  ["7 days", 7],
  ["30 days", 30],
  ["90 days", 90],
  ["All", Number.POSITIVE_INFINITY],
];

type Change = (state: State) => void;

/** The controls. They stay in place when the state changes, so that the focus does, too. */
export class Filters {
  readonly element: HTMLElement;
  readonly chips = h("div", { class: "chips", tabindex: "-1", role: "group", "aria-label": "Active filters" });
  readonly #data: Data;
  readonly #cube: Cube;
  readonly #change: Change;
  #state: State;
  readonly #from: HTMLInputElement;
  readonly #to: HTMLInputElement;
  readonly #presets: readonly (readonly [HTMLButtonElement, number])[];
  readonly #choices: readonly Choice[];
  readonly #measure: HTMLSelectElement;
  readonly #compare: HTMLInputElement;

  constructor(data: Data, cube: Cube, state: State, change: Change) {
    this.#data = data;
    this.#cube = cube;
    this.#state = state;
    this.#change = change;
    const limits = { min: isoDay(cube.first), max: isoDay(cube.last) };
    this.#from = h("input", { type: "date", ...limits });
    this.#to = h("input", { type: "date", ...limits });
    this.#from.addEventListener("change", () => this.#setRange(this.#from));
    this.#to.addEventListener("change", () => this.#setRange(this.#to));
    // Periods longer than the data are all of it.
    const shorter = PRESETS.filter(([, days]) => days < cube.last - cube.first + 1 || days === Number.POSITIVE_INFINITY);
    this.#presets = shorter.map(([text, days]) => {
      const set = () => this.#change({ ...this.#state, range: this.#preset(days) });
      return [button(text, { "aria-pressed": "false" }, set), days] as const;
    });
    this.#choices = data.dimensions.map((dimension) => {
      const choose = (values: readonly string[]) => this.#change(withValues(this.#state, dimension.column, values));
      return new Choice(dimension, choose);
    });
    const options = data.measures.map(({ id, title }) => h("option", { value: id }, title));
    this.#measure = h("select", {}, ...options);
    this.#measure.addEventListener("change", () => this.#change({ ...this.#state, measure: this.#measure.value }));
    this.#compare = h("input", { type: "checkbox" });
    this.#compare.addEventListener("change", () =>
      this.#change({ ...this.#state, isCompared: this.#compare.checked }),
    );
    const copied = h("span", { role: "status", class: "hint" });
    const copy = button("Copy link", {}, () => {
      const done = (text: string) => () => (copied.textContent = text);
      // Pages from a file may not write to the clipboard in every browser.
      const writing = navigator.clipboard?.writeText(location.href) ?? Promise.reject(new Error("no clipboard"));
      writing.then(done("Link copied"), done("Copy the address of the page"));
    });
    const reset = button("Reset", {}, () => this.#change(defaults(data, cube)));
    this.element = h(
      "div",
      { class: "filters", role: "group", "aria-label": "Filters" },
      h("label", {}, "From", this.#from),
      h("label", {}, "To", this.#to),
      h("div", { class: "presets", role: "group", "aria-label": "Period" }, ...this.#presets.map(([element]) => element)),
      ...this.#choices.map(({ element }) => element),
      h("label", {}, "Measure", this.#measure),
      h("label", { class: "check" }, this.#compare, "Compare with the period before"),
      h("div", { class: "presets" }, reset, copy, copied),
    );
  }

  update(state: State): void {
    this.#state = state;
    this.#from.value = isoDay(state.range.from);
    this.#to.value = isoDay(state.range.to);
    for (const [element, days] of this.#presets) {
      const { from, to } = this.#preset(days);
      element.setAttribute("aria-pressed", String(from === state.range.from && to === state.range.to));
    }
    for (const choice of this.#choices) choice.update(state);
    this.#measure.value = state.measure;
    this.#compare.checked = state.isCompared;
    const chips = [];
    for (const { column, title } of this.#data.dimensions) {
      const values = state.values.get(column) ?? [];
      for (const value of values) {
        const others = values.filter((other) => other !== value);
        const remove = () => this.#change(withValues(this.#state, column, others));
        chips.push(chip(`${title}: ${shown(value)}`, `chip:${column}:${value}`, remove));
      }
    }
    this.chips.replaceChildren(...chips);
  }

  #preset(days: number) {
    const { last } = this.#cube;
    return clamped({ from: Math.max(last - days + 1, this.#cube.first), to: last }, this.#cube);
  }

  #setRange(edited: HTMLInputElement): void {
    const from = dayNumber(this.#from.value);
    const to = dayNumber(this.#to.value);
    // A date that is being typed is none yet.
    if (from === undefined || to === undefined) return;
    // The other end follows, so that the range is never empty.
    const range = from <= to ? { from, to } : edited === this.#from ? { from, to: from } : { from: to, to };
    this.#change({ ...this.#state, range: clamped(range, this.#cube) });
  }
}

/** A filter that is set, as a button that removes it. */
export function chip(text: string, key: string, remove: () => void): HTMLButtonElement {
  const element = button(text, { class: "chip", "data-key": key, "aria-label": `Remove the filter ${text}` }, remove);
  element.append(h("span", { "aria-hidden": "true" }, " \u00d7"));
  return element;
}

/** Checkboxes for the values of a dimension, folded away. */
class Choice {
  readonly element: HTMLDetailsElement;
  readonly #dimension: Dimension;
  readonly #summary: HTMLElement;
  readonly #boxes: ReadonlyMap<string, HTMLInputElement>;

  constructor(dimension: Dimension, choose: (values: readonly string[]) => void) {
    this.#dimension = dimension;
    this.#summary = h("summary", {});
    const chosen = () => [...this.#boxes].filter(([, box]) => box.checked).map(([value]) => value);
    const boxes = dimension.values.map((value) => {
      const box = h("input", { type: "checkbox" });
      box.addEventListener("change", () => choose(chosen()));
      return [value, box] as const;
    });
    this.#boxes = new Map(boxes);
    const fields = h(
      "fieldset",
      {},
      h("legend", {}, dimension.title),
      ...boxes.map(([value, box]) => h("label", { class: "check" }, box, shown(value))),
      button("All", {}, () => choose([])),
    );
    this.element = h("details", { class: "choice" }, this.#summary, fields);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      this.element.open = false;
      this.#summary.focus();
    });
    const outside = (event: Event) => {
      if (event.target instanceof Node && !this.element.contains(event.target)) this.element.open = false;
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
  }

  update(state: State): void {
    const values = state.values.get(this.#dimension.column) ?? [];
    for (const [value, box] of this.#boxes) box.checked = values.includes(value);
    const [first] = values;
    const what = first === undefined ? "all" : values.length === 1 ? shown(first) : `${values.length} chosen`;
    this.#summary.textContent = `${this.#dimension.title}: ${what}`;
  }
}

/** What is shown, in a sentence. */
export function sentence(state: State, data: Data, cube: Cube): string {
  let text = period(state.range.from, state.range.to);
  if (state.isCompared) {
    const earlier = before(state.range);
    text += `, compared with ${period(earlier.from, earlier.to)}`;
    if (earlier.to < cube.first) text += ", of which there is no data";
    else if (earlier.from < cube.first) text += ` (data from ${period(cube.first, cube.first)})`;
  }
  text += ".";
  if (data.left_out_before !== null) {
    const day = dayNumber(data.left_out_before);
    if (day !== undefined) {
      text += ` Days before ${period(day, day)} are left out: a page holds ${data.most_cells} combinations at most.`;
    }
  }
  return text;
}
