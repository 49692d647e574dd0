// A question of the reader's: SQL, a chart of its result, and a panel that is made of both.

import { type Bar, bars } from "./bars.ts";
import { ColumnChart } from "./chart.ts";
import type { Live } from "./data.ts";
import { button, h, legend, table } from "./dom.ts";
import { compact, grouped } from "./format.ts";
import { ask } from "./server.ts";

type Value = string | number | boolean | null;

/** As the server answers. */
interface Rows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
  readonly is_cut: boolean;
}

type Saved = { readonly saved: string } | { readonly file: string; readonly yaml: string; readonly why: string };

const text = (value: Value) => (value === null ? "" : grouped(String(value)));
const number = (value: Value) => {
  const found = typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : Number.NaN;
  return Number.isFinite(found) ? found : undefined;
};

export class Question {
  readonly element: HTMLElement;
  readonly #sql: HTMLTextAreaElement;
  readonly #run: HTMLButtonElement;
  readonly #told = h("p", { class: "hint", role: "status" });
  readonly #result = h("div", { hidden: true });
  readonly #kind: HTMLSelectElement;
  readonly #name = h("select", {});
  readonly #value = h("select", {});
  readonly #chart = h("div", {});
  readonly #columns = new ColumnChart("question");
  readonly #table = h("div", {});
  readonly #title: HTMLInputElement;
  readonly #id: HTMLInputElement;
  readonly #saved = h("div", { role: "status" });
  #isOwnId = false;
  /** What was asked, and its result. */
  #answer: { readonly sql: string; readonly rows: Rows } | null = null;

  constructor(live: Live, question: string | null) {
    this.#sql = h("textarea", { rows: "6", spellcheck: "false", autocomplete: "off", "aria-describedby": "question-help" });
    const [model] = live.models;
    const all = model ? `select *\nfrom {{ ref('${model.name}') }}\nlimit 20` : "select 1 as n";
    this.#sql.value = question ?? all;
    this.#sql.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void this.#ask();
    });
    this.#run = button("Run", { class: "primary" }, () => void this.#ask());
    this.#kind = h(
      "select",
      {},
      h("option", { value: "table" }, "Table"),
      h("option", { value: "bars" }, "Bars"),
      h("option", { value: "columns" }, "Columns"),
    );
    for (const select of [this.#kind, this.#name, this.#value]) {
      select.addEventListener("change", () => this.#show());
    }
    this.#title = h("input", { type: "text", autocomplete: "off" });
    this.#id = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    this.#title.addEventListener("input", () => {
      if (!this.#isOwnId) this.#id.value = idOf(this.#title.value);
    });
    this.#id.addEventListener("input", () => (this.#isOwnId = this.#id.value !== ""));
    const save = live.saves_to === null ? "Make the file" : "Save as a panel";
    this.#result.append(
      h(
        "div",
        { class: "filters" },
        h("label", {}, "Show as", this.#kind),
        h("label", {}, "Names", this.#name),
        h("label", {}, "Values", this.#value),
      ),
      this.#chart,
      this.#table,
      h("h4", {}, "Keep the question"),
      h(
        "p",
        { class: "hint" },
        live.saves_to === null
          ? "The dashboard is part of the command: a question becomes a file for a copy of the project."
          : `As a panel of this page, in ${live.saves_to}.`,
      ),
      h(
        "div",
        { class: "filters" },
        h("label", {}, "Title", this.#title),
        h("label", {}, "File name", this.#id),
        button(save, {}, () => void this.#save()),
      ),
      this.#saved,
    );
    const models = live.models.map(({ name, columns }) =>
      h("li", {}, h("code", {}, `{{ ref('${name}') }}`), columns.length > 0 ? `: ${columns.join(", ")}` : ""),
    );
    this.element = h(
      "div",
      { class: "part question", role: "region", "aria-label": "Ask a question" },
      h("h3", {}, "Ask a question"),
      h("label", { class: "wide-label" }, "SQL", this.#sql),
      h(
        "p",
        { class: "hint", id: "question-help" },
        "One SELECT in Redshift SQL. It changes nothing, has 30 seconds, and shows 1,000 rows at most. Ctrl+Enter runs it.",
      ),
      h("details", {}, h("summary", {}, "Models and columns"), h("ul", { class: "models" }, ...models)),
      h("div", { class: "presets" }, this.#run),
      this.#told,
      this.#result,
    );
  }

  async #ask(): Promise<void> {
    const sql = this.#sql.value;
    this.#run.disabled = true;
    this.#told.className = "hint";
    this.#told.textContent = "Asking the warehouse \u2026";
    const answer = await ask<Rows>("api/question", { sql });
    this.#run.disabled = false;
    this.#saved.replaceChildren();
    if ("error" in answer) {
      this.#answer = null;
      this.#told.className = "error";
      this.#told.textContent = answer.error;
      this.#result.hidden = true;
      return;
    }
    const { rows } = answer;
    this.#answer = { sql, rows };
    this.#told.textContent = rows.is_cut
      ? `The first ${grouped(String(rows.rows.length))} rows; there are more.`
      : `${grouped(String(rows.rows.length))} ${rows.rows.length === 1 ? "row" : "rows"}.`;
    this.#choose(rows);
    this.#result.hidden = false;
    this.#show();
  }

  /** Keeps the choice of columns if the result has them. */
  #choose({ columns, rows }: Rows): void {
    const numeric = columns.map((_, index) => rows.length > 0 && rows.every((row) => number(row[index] ?? null) !== undefined));
    const fill = (select: HTMLSelectElement, preferred: number) => {
      const old = select.value;
      select.replaceChildren(...columns.map((column, index) => h("option", { value: String(index) }, column)));
      const kept = columns.findIndex((_, index) => String(index) === old);
      select.value = String(kept < 0 ? Math.max(0, preferred) : kept);
    };
    const name = Math.max(0, numeric.indexOf(false));
    const value = numeric.findIndex((isNumber, index) => isNumber && index !== name);
    fill(this.#name, name);
    fill(this.#value, value);
    if (numeric[Number(this.#value.value)] !== true) this.#value.value = String(Math.max(0, value));
    if (!numeric.includes(true)) this.#kind.value = "table";
  }

  #show(): void {
    if (!this.#answer) return;
    const { columns, rows } = this.#answer.rows;
    const [name, value] = [Number(this.#name.value), Number(this.#value.value)];
    const title = `${columns[value] ?? ""} by ${columns[name] ?? ""}`;
    const points = rows.map((row) => ({ name: text(row[name] ?? null) || "(none)", value: number(row[value] ?? null) ?? 0 }));
    const kind = this.#kind.value;
    if (kind === "bars") {
      const items: Bar[] = points.map((point, index) => ({ key: `result:${index}`, ...point, text: compact(point.value) }));
      this.#chart.replaceChildren(legend([["first", `Bars: ${title}`]]), bars(items));
    } else if (kind === "columns") {
      this.#chart.replaceChildren(legend([["first", `Columns: ${title}`]]), this.#columns.element);
      this.#columns.show({
        label: `${title}; arrow keys move from column to column`,
        names: points.map((point) => point.name),
        values: points.map((point) => point.value),
        write: compact,
        describe: (index) => `${points[index]?.name ?? ""}: ${compact(points[index]?.value ?? 0)}`,
      });
    } else {
      this.#chart.replaceChildren();
    }
    const heads = columns.map((column, index) => ({
      title: column,
      isNumber: rows.length > 0 && rows.every((row) => number(row[index] ?? null) !== undefined),
    }));
    this.#table.replaceChildren(table("Result", heads, rows.map((row) => row.map(text))));
  }

  async #save(): Promise<void> {
    if (!this.#answer) return;
    const { sql, rows } = this.#answer;
    const failed = (message: string) => this.#saved.replaceChildren(h("p", { class: "error" }, message));
    if (this.#title.value.trim() === "" || this.#id.value === "") {
      failed("A panel needs a title and a file name.");
      (this.#title.value.trim() === "" ? this.#title : this.#id).focus();
      return;
    }
    const kind = this.#kind.value;
    const column = (select: HTMLSelectElement) => rows.columns[Number(select.value)] ?? "";
    const chart = kind === "table" ? null : { kind, name: column(this.#name), value: column(this.#value) };
    const draft = { id: this.#id.value, title: this.#title.value.trim(), sql, chart, columns: rows.columns };
    const answer = await ask<Saved>("api/panel", draft);
    if ("error" in answer) {
      failed(answer.error);
    } else if ("saved" in answer.rows) {
      const again = button("Show it on the page", {}, () => location.reload());
      this.#saved.replaceChildren(h("p", {}, `Saved as ${answer.rows.saved}. `), again);
    } else {
      const { file, yaml, why } = answer.rows;
      const href = URL.createObjectURL(new Blob([yaml], { type: "application/yaml" }));
      this.#saved.replaceChildren(
        h("p", {}, why),
        h("p", {}, h("a", { href, download: file }, `Download ${file}`)),
        h("pre", { tabindex: "0", "aria-label": file }, yaml),
      );
    }
  }
}

/** A title as the name of a file. */
function idOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
