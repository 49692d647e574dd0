// Upright columns along a scale, perhaps with a line over them: uPlot draws, on a canvas. The canvas is a slider for the
// keyboard and for screen readers: arrows move along the columns, and each is read with its values.

import uPlot from "uplot";
import { h } from "./dom.ts";

export interface Columns {
  readonly label: string;
  /** Below each column: short, on the axis. */
  readonly names: readonly string[];
  readonly values: readonly number[];
  readonly line?: readonly (number | null)[];
  /** Number on the axis. */
  readonly write: (value: number) => string;
  /** What there is to say about a column. */
  readonly describe: (index: number) => string;
  /** A click on a column, or Enter. */
  readonly choose?: (index: number) => void;
}

const HEIGHT = 240;
const FONT = "12px system-ui, sans-serif";
/** Steps between names on the axis. */
const STEPS = [1, 2, 5, 7, 14, 28, 56, 91, 182, 364, 728, 3640, 36400];

/** Shows columns in an element, again after `show` with others, and when size or colours of the page change. */
export class ColumnChart {
  readonly element: HTMLElement;
  readonly #canvas: HTMLElement;
  readonly #told: HTMLElement;
  #columns: Columns | null = null;
  #plot: uPlot | null = null;
  #at = 0;

  constructor(key: string) {
    this.#canvas = h("div", { class: "plot", role: "slider", tabindex: "0", "data-key": key });
    this.#told = h("p", { class: "told", "aria-hidden": "true" });
    this.element = h("div", {}, this.#canvas, this.#told);
    this.#canvas.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => {
      const width = this.#width();
      if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
      else if (!this.#plot) this.#draw();
    }).observe(this.#canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  show(columns: Columns): void {
    this.#columns = columns;
    this.#at = columns.names.length - 1;
    this.#canvas.setAttribute("aria-label", columns.label);
    this.#canvas.setAttribute("aria-valuemin", "0");
    this.#canvas.setAttribute("aria-valuemax", String(Math.max(0, this.#at)));
    this.#draw();
    this.#tell();
  }

  #width(): number {
    return Math.floor(this.#canvas.clientWidth);
  }

  #draw(): void {
    this.#plot?.destroy();
    this.#plot = null;
    const columns = this.#columns;
    const width = this.#width();
    if (!columns || width <= 0 || columns.names.length === 0) return;
    const style = getComputedStyle(this.#canvas);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const measure = document.createElement("canvas").getContext("2d");
    if (measure) measure.font = FONT;
    const widthOf = (texts: readonly string[]) =>
      Math.max(0, ...texts.map((text) => Math.ceil(measure?.measureText(text).width ?? 8 * text.length)));
    const nameWidth = widthOf(columns.names);
    const name = (index: number) => columns.names[index] ?? "";
    const axis = { font: FONT, stroke: colour("--muted"), ticks: { show: false } };
    const series: uPlot.Series[] = [
      {},
      {
        fill: colour("--first"),
        width: 0,
        points: { show: false },
        ...(uPlot.paths.bars && { paths: uPlot.paths.bars({ size: [0.7, 64], align: 0 }) }),
      },
    ];
    const data: (readonly (number | null)[])[] = [columns.names.map((_, index) => index), columns.values];
    if (columns.line) {
      series.push({ stroke: colour("--second"), width: 2, points: { show: columns.names.length < 3 } });
      data.push(columns.line);
    }
    const options: uPlot.Options = {
      width,
      height: HEIGHT,
      // Names at both ends are as wide as they are.
      padding: [8, Math.ceil(nameWidth / 2) + 2, 0, null],
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { show: false } },
      scales: {
        x: { time: false, range: () => [-0.5, columns.names.length - 0.5] },
        y: { range: (_, low, high) => [Math.min(0, 1.05 * (low ?? 0)), (high ?? 0) > 0 ? 1.05 * (high ?? 0) : low < 0 ? 0 : 1] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          space: nameWidth + 12,
          size: 28,
          incrs: STEPS,
          values: (_, splits) => splits.map((index) => (Number.isInteger(index) ? name(index) : "")),
        },
        {
          ...axis,
          grid: { stroke: colour("--line"), width: 1 },
          values: (_, splits) => splits.map(columns.write),
          size: (_, texts) => widthOf(texts ?? []) + 14,
        },
      ],
      series,
      hooks: {
        setCursor: [
          (plot) => {
            if (typeof plot.cursor.idx === "number" && plot.cursor.idx !== this.#at) {
              this.#at = plot.cursor.idx;
              this.#tell();
            }
          },
        ],
      },
    };
    const plot = new uPlot(options, data as uPlot.AlignedData, this.#canvas);
    plot.over.addEventListener("click", () => {
      if (typeof plot.cursor.idx === "number") columns.choose?.(plot.cursor.idx);
    });
    if (columns.choose) plot.over.style.cursor = "pointer";
    this.#plot = plot;
  }

  #tell(): void {
    const text = this.#columns?.describe(this.#at) ?? "";
    this.#told.textContent = text;
    this.#canvas.setAttribute("aria-valuenow", String(Math.max(0, this.#at)));
    this.#canvas.setAttribute("aria-valuetext", text);
  }

  #onKey(event: KeyboardEvent): void {
    const last = (this.#columns?.names.length ?? 0) - 1;
    const steps: Record<string, number> = {
      ArrowLeft: this.#at - 1,
      ArrowDown: this.#at - 1,
      ArrowRight: this.#at + 1,
      ArrowUp: this.#at + 1,
      PageDown: this.#at - 7,
      PageUp: this.#at + 7,
      Home: 0,
      End: last,
    };
    const to = steps[event.key];
    if (event.key === "Enter" && last >= 0) {
      event.preventDefault();
      this.#columns?.choose?.(this.#at);
    } else if (to !== undefined && last >= 0) {
      event.preventDefault();
      this.#at = Math.min(Math.max(to, 0), last);
      const left = this.#plot?.valToPos(this.#at, "x");
      if (left !== undefined) this.#plot?.setCursor({ left, top: 0 });
      this.#tell();
    }
  }
}

