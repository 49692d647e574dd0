// Elements. Texts become text nodes: nothing of the data is ever read as markup.

type Child = Node | string | null | undefined;
type Attributes = Readonly<Record<string, string | boolean | null | undefined>>;

/** An element with attributes (`true`: without a value; `false`, `null`: left out) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A button that does something. */
export function button(text: string, attributes: Attributes, act: () => void): HTMLButtonElement {
  const element = h("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", act);
  return element;
}

/**
 * Changes the page; the focus stays on the element with the same `data-key`, or goes to the nearest element around it that
 * can take it, since the change may replace elements.
 */
export function keepingFocus(change: () => void): void {
  const focused = document.activeElement;
  const key = focused instanceof HTMLElement ? focused.dataset["key"] : undefined;
  const home = focused?.closest<HTMLElement>("[tabindex='-1']");
  change();
  if (key === undefined || focused?.isConnected) return;
  const again = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  (again ?? (home?.isConnected ? home : null))?.focus({ preventScroll: true });
}

/** A table in a region that scrolls and can be focused for that. */
export function table(
  label: string,
  columns: readonly { readonly title: string; readonly isNumber: boolean }[],
  rows: readonly (readonly Child[])[],
): HTMLElement {
  const kind = (index: number) => (columns[index]?.isNumber ? "number" : null);
  const head = h("tr", {}, ...columns.map(({ title }, index) => h("th", { scope: "col", class: kind(index) }, title)));
  const body = rows.map((row) =>
    h("tr", {}, ...row.map((cell, index) => h("td", { class: kind(index) }, cell))),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h("table", {}, h("thead", {}, head), h("tbody", {}, ...body)),
  );
}

/** A legend: what each mark of a chart measures. */
export function legend(items: readonly (readonly [mark: string, text: string])[]): HTMLElement {
  return h("ul", { class: "marks" }, ...items.map(([mark, text]) => h("li", { class: mark }, text)));
}
