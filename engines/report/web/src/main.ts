// The explorer: reads the embedded data, shows it as the state says, and the state as the controls say.

import "uplot/dist/uPlot.min.css";
import "./explore.css";
import { bars } from "./bars.ts";
import { ColumnChart } from "./chart.ts";
import { before, Cube, type Kept, type Range } from "./cube.ts";
import type { Data, Measure } from "./data.ts";
import { Details } from "./details.ts";
import { h, keepingFocus, legend } from "./dom.ts";
import { Filters, sentence, shown } from "./filters.ts";
import { change, longDay, shortDay, withUnit, written } from "./format.ts";
import { Question } from "./question.ts";
import { DAYS, kept, read, type State, withValues, write } from "./state.ts";

class Explorer {
  readonly #data: Data;
  readonly #cube: Cube;
  readonly #prefix: string;
  readonly #filters: Filters;
  readonly #said = h("p", { class: "note", role: "status" });
  readonly #tiles = h("ul", { class: "tiles measures", "aria-label": "Measures" });
  readonly #timeTitle = h("h3", {});
  readonly #timeLegend = h("div", {});
  readonly #time = new ColumnChart("time");
  readonly #breakdowns = h("div", { class: "breakdowns" });
  readonly #details: Details;
  #state: State;

  constructor(root: HTMLElement, section: string, data: Data) {
    this.#data = data;
    this.#cube = new Cube(data);
    this.#prefix = `#${section}?`;
    this.#state = this.#read();
    const change = (state: State) => this.#change(state);
    this.#filters = new Filters(data, this.#cube, this.#state, change);
    this.#details = new Details(data, this.#cube, change);
    const time = h("div", { class: "part" }, this.#timeTitle, this.#timeLegend, this.#time.element);
    root.replaceChildren(
      this.#filters.element,
      this.#filters.chips,
      this.#said,
      this.#tiles,
      time,
      this.#breakdowns,
      this.#details.element,
    );
    if (data.live) root.append(new Question(data.live, data.question).element);
    this.#show();
    addEventListener("hashchange", () => {
      const state = this.#read();
      // Links to other parts of the page leave the explorer as it is.
      if (location.hash !== "" && !location.hash.startsWith(this.#prefix)) return;
      if (this.#write(state) === this.#write(this.#state)) return;
      this.#state = state;
      keepingFocus(() => this.#show());
    });
    if (location.hash.startsWith(this.#prefix)) root.closest("section")?.scrollIntoView();
  }

  #read(): State {
    const { hash } = location;
    const query = hash.startsWith(this.#prefix) ? hash.slice(this.#prefix.length) : "";
    return read(query, this.#data, this.#cube);
  }

  #write(state: State): string {
    return write(state, this.#data, this.#cube);
  }

  #change(state: State): void {
    this.#state = state;
    const hash = this.#prefix + this.#write(state);
    // An entry of the history for each choice: the back button undoes it.
    if (location.hash !== hash) location.hash = hash;
    keepingFocus(() => this.#show());
  }

  #show(): void {
    const state = this.#state;
    const measure = this.#data.measures.find(({ id }) => id === state.measure) ?? this.#data.measures[0];
    if (!measure) return;
    const filters = kept(state, this.#data);
    const earlier = state.isCompared ? before(state.range) : null;
    this.#filters.update(state);
    this.#said.textContent = sentence(state, this.#data, this.#cube);
    this.#showTiles(filters, earlier);
    this.#showTime(measure, filters, earlier);
    const parts = this.#data.dimensions.map((_, index) => this.#breakdown(index, measure, filters, earlier));
    this.#breakdowns.replaceChildren(...parts);
    this.#details.update(state);
  }

  #showTiles(filters: Kept, earlier: Range | null): void {
    const state = this.#state;
    const tiles = this.#data.measures.map((measure) => {
      const now = this.#cube.total(measure, state.range, filters);
      const then = earlier && this.#cube.hasData(earlier) ? this.#cube.total(measure, earlier, filters) : null;
      const changed = then === null ? "" : change(now, then, measure.format);
      const note = then === null ? "" : `before: ${written(then, measure.format)}`;
      const chosen = String(measure.id === state.measure);
      const element = h(
        "button",
        { type: "button", class: "tile", "aria-pressed": chosen, "data-key": `tile:${measure.id}` },
        h("span", {}, measure.title),
        h("b", {}, written(now, measure.format)),
        h("span", { class: "hint" }, measure.unit),
        changed === "" && note === "" ? null : h("span", { class: "hint" }, h("strong", {}, changed), " ", h("span", { class: "whole" }, note)),
      );
      element.addEventListener("click", () => this.#change({ ...state, measure: measure.id }));
      return h("li", {}, element);
    });
    this.#tiles.replaceChildren(...tiles);
  }

  #showTime(measure: Measure, filters: Kept, earlier: Range | null): void {
    const state = this.#state;
    const { range } = state;
    const values = this.#cube.byDay(measure, range, filters);
    const compared = earlier && this.#cube.hasData(earlier) ? this.#cube.byDay(measure, earlier, filters) : null;
    const what = withUnit(measure);
    this.#timeTitle.textContent = `${measure.title} by day`;
    const marks: [string, string][] = [["first", `Columns: ${what}, by ${this.#data.date.title.toLowerCase()}`]];
    if (compared) marks.push(["line", "Line: the same in the period before"]);
    this.#timeLegend.replaceChildren(legend(marks));
    this.#time.show({
      label: `${what} by day; arrow keys move from day to day, Enter shows one day`,
      names: values.map((_, index) => shortDay(range.from + index)),
      values,
      ...(compared && earlier && {
        line: compared.map((value, index) => (earlier.from + index < this.#cube.first ? null : value)),
      }),
      write: (value) => written(value, measure.format),
      describe: (index) => {
        let text = `${longDay(range.from + index)}: ${written(values[index] ?? 0, measure.format)} ${measure.unit}`.trim();
        if (compared && earlier && earlier.from + index >= this.#cube.first) {
          text += `; ${longDay(earlier.from + index)}: ${written(compared[index] ?? 0, measure.format)}`;
        }
        return text;
      },
      choose: (index) => {
        const day = range.from + index;
        this.#change({ ...state, range: { from: day, to: day } });
      },
    });
  }

  #breakdown(index: number, measure: Measure, filters: Kept, earlier: Range | null): HTMLElement {
    const state = this.#state;
    const dimension = this.#data.dimensions[index];
    if (!dimension) return h("div");
    const now = this.#cube.byValue(index, measure, state.range, filters);
    const then = earlier && this.#cube.hasData(earlier) ? this.#cube.byValue(index, measure, earlier, filters) : null;
    const chosen = state.values.get(dimension.column) ?? [];
    const found = dimension.values
      .map((value, at) => ({ value, at }))
      .filter(({ value, at }) => now.has(at) || then?.has(at) || chosen.includes(value))
      .map(({ value, at }) => ({ value, now: now.get(at) ?? 0, then: then ? (then.get(at) ?? 0) : null }));
    found.sort((a, b) => b.now - a.now || a.value.localeCompare(b.value));
    const items = found.map(({ value, now: current, then: past }) => ({
      key: `bar:${dimension.column}:${value}`,
      name: shown(value),
      value: current,
      text: written(current, measure.format),
      ...(past !== null && { before: past, change: change(current, past, measure.format) }),
      isChosen: chosen.includes(value),
      isFaint: chosen.length > 0 && !chosen.includes(value),
      id: value,
    }));
    const marks: [string, string][] = [["first", `Bars: ${withUnit(measure)}`]];
    if (then) marks.push(["tick", "Tick: the period before"]);
    const label = `${measure.title} by ${dimension.title.toLowerCase()}`;
    return h(
      "div",
      { class: "part", tabindex: "-1", role: "group", "aria-label": label },
      h("h3", {}, label),
      legend(marks),
      bars(items, (bar) => {
        const value = items.find(({ key }) => key === bar.key)?.id ?? "";
        // Another click on the only chosen bar shows all again.
        const values = chosen.length === 1 && chosen[0] === value ? [] : [value];
        this.#change({ ...withValues(state, dimension.column, values), detail: DAYS });
      }),
    );
  }
}

const root = document.getElementById("explore-app");
const data = document.getElementById("explore-data")?.textContent;
if (root && data) {
  new Explorer(root, root.closest("section")?.id ?? "explore", JSON.parse(data) as Data);
}
