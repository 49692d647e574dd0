// Horizontal bars. Names are never cut: they wrap.

import { h } from "./dom.ts";

export interface Bar {
  readonly key: string;
  readonly name: string;
  readonly value: number;
  readonly text: string;
  /** The value of the period before. */
  readonly before?: number;
  /** Beside the text, in small print. */
  readonly change?: string;
  readonly isChosen?: boolean;
  /** Whether it is not among the chosen ones. */
  readonly isFaint?: boolean;
}

/** The bars, as buttons if they can be chosen. */
export function bars(items: readonly Bar[], choose?: (bar: Bar) => void): HTMLElement {
  const full = Math.max(0, ...items.flatMap(({ value, before }) => [Math.abs(value), Math.abs(before ?? 0)]));
  const share = (value: number) => `${full > 0 ? (100 * Math.abs(value)) / full : 0}%`;
  const list = h("ol", { class: "bars" });
  for (const item of items) {
    const track = h("span", { class: "track", "aria-hidden": "true" });
    const fill = h("span", { class: item.value < 0 ? "fill negative" : "fill" });
    fill.style.width = share(item.value);
    track.append(fill);
    if (item.before !== undefined) {
      const mark = h("span", { class: "mark" });
      mark.style.left = share(item.before);
      track.append(mark);
    }
    const parts = [
      h("span", { class: "name" }, item.name),
      track,
      h("span", { class: "value" }, item.text, item.change ? h("small", {}, ` ${item.change}`) : null),
    ];
    const kind = `bar${item.isFaint ? " faint" : ""}`;
    if (choose) {
      const pressed = item.isChosen ? "true" : "false";
      const element = h("button", { type: "button", class: kind, "aria-pressed": pressed, "data-key": item.key }, ...parts);
      element.addEventListener("click", () => choose(item));
      list.append(h("li", {}, element));
    } else {
      list.append(h("li", { class: kind }, ...parts));
    }
  }
  return list;
}
