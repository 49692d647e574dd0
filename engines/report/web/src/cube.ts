// Sums over the embedded cells. A measure is a sum, or a ratio of two sums: never a mean of ratios.

import type { Data, Measure } from "./data.ts";
import { dayNumber } from "./format.ts";

/** First and last day, inclusive. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** By index of the dimension: the values to keep. */
export type Kept = ReadonlyMap<number, ReadonlySet<number>>;

/** A ratio's two sums, or a sum over one. */
class Sum {
  part = 0;
  whole = 0;

  value(measure: Measure): number {
    if (measure.over === null) return this.part;
    return this.whole === 0 ? 0 : this.part / this.whole;
  }
}

export class Cube {
  readonly days: Int32Array;
  readonly first: number;
  readonly last: number;
  readonly #data: Data;
  readonly #columns: ReadonlyMap<string, readonly number[]>;

  constructor(data: Data) {
    this.#data = data;
    this.#columns = new Map(data.cells.columns);
    const first = dayNumber(data.cells.first_day) ?? 0;
    this.days = new Int32Array(data.cells.counts.reduce((sum, count) => sum + count, 0));
    let cell = 0;
    data.cells.days.forEach((day, index) => {
      const count = data.cells.counts[index] ?? 0;
      this.days.fill(first + day, cell, cell + count);
      cell += count;
    });
    this.first = first;
    this.last = first + (data.cells.days.at(-1) ?? 0);
  }

  /** Whether any day of the range can have cells. */
  hasData(range: Range): boolean {
    return range.to >= this.first && range.from <= this.last;
  }

  total(measure: Measure, range: Range, kept: Kept): number {
    const sum = new Sum();
    this.#each(measure, range, kept, (part, whole) => {
      sum.part += part;
      sum.whole += whole;
    });
    return sum.value(measure);
  }

  /** One value for each day of the range. */
  byDay(measure: Measure, range: Range, kept: Kept): number[] {
    const sums = Array.from({ length: Math.max(0, range.to - range.from + 1) }, () => new Sum());
    this.#each(measure, range, kept, (part, whole, cell) => {
      const sum = sums[(this.days[cell] ?? 0) - range.from];
      if (sum) {
        sum.part += part;
        sum.whole += whole;
      }
    });
    return sums.map((sum) => sum.value(measure));
  }

  /** One value for each value of a dimension that has cells; the filter of the dimension itself does not count. */
  byValue(dimension: number, measure: Measure, range: Range, kept: Kept): Map<number, number> {
    const sums = new Map<number, Sum>();
    const cells = this.#data.dimensions[dimension]?.cells ?? [];
    const others = new Map(kept);
    others.delete(dimension);
    this.#each(measure, range, others, (part, whole, cell) => {
      const value = cells[cell] ?? 0;
      let sum = sums.get(value);
      if (!sum) sums.set(value, (sum = new Sum()));
      sum.part += part;
      sum.whole += whole;
    });
    return new Map([...sums].map(([value, sum]) => [value, sum.value(measure)]));
  }

  #each(measure: Measure, range: Range, kept: Kept, add: (part: number, whole: number, cell: number) => void): void {
    const parts = this.#columns.get(measure.column) ?? [];
    const wholes = measure.over === null ? [] : (this.#columns.get(measure.over) ?? []);
    const filters = [...kept].map(([index, values]) => [this.#data.dimensions[index]?.cells ?? [], values] as const);
    for (let cell = 0; cell < this.days.length; cell++) {
      const day = this.days[cell] ?? 0;
      if (day < range.from || day > range.to) continue;
      if (!filters.every(([cells, values]) => values.has(cells[cell] ?? -1))) continue;
      add(parts[cell] ?? 0, wholes[cell] ?? 0, cell);
    }
  }
}

/** The period of the same length before a period. */
export function before(range: Range): Range {
  const length = range.to - range.from + 1;
  return { from: range.from - length, to: range.from - 1 };
}
