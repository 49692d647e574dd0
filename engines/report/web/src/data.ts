// What the page embeds: written by `explore/cube.rs`.

export interface Titled {
  readonly column: string;
  readonly title: string;
}

export interface Dimension extends Titled {
  /** All its values, sorted; NULL is the empty text. */
  readonly values: readonly string[];
  /** For each cell, the index of its value. */
  readonly cells: readonly number[];
}

export type Format = "plain" | "grouped" | "compact" | "percent";

export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly format: Format;
  readonly column: string;
  /** The column that the sum is divided by. */
  readonly over: string | null;
}

export interface Detail {
  readonly id: string;
  readonly title: string;
  /** What a click on a row filters the next detail by. */
  readonly key: Titled | null;
}

export interface Live {
  /** The folder that questions are saved in. */
  readonly saves_to: string | null;
  readonly models: readonly { readonly name: string; readonly columns: readonly string[] }[];
}

export interface Data {
  readonly date: Titled;
  readonly dimensions: readonly Dimension[];
  readonly measures: readonly Measure[];
  readonly details: readonly Detail[];
  readonly cells: {
    readonly first_day: string;
    /** Days with cells, as days after the first one. */
    readonly days: readonly number[];
    /** How many cells each of them has. */
    readonly counts: readonly number[];
    readonly columns: readonly (readonly [string, readonly number[]])[];
  };
  /** The day before which days were left out. */
  readonly left_out_before: string | null;
  readonly most_cells: number;
  /** SQL that the reader's question begins with. */
  readonly question: string | null;
  /** What the server of the page can do, if it has one. */
  readonly live: Live | null;
}
