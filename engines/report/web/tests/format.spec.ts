// Numbers as text: the cases are those of the Rust tests (src/text.rs).
import { readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { change, compact, grouped, percent, period } from "../src/format.ts";

type Cases = readonly (readonly [never, string])[];
const cases = JSON.parse(readFileSync(new URL("numbers.json", import.meta.url), "utf8")) as Record<string, Cases>;

for (const [name, write] of Object.entries({ compact, percent, grouped })) {
  test(`${name} as in Rust`, () => {
    for (const [value, text] of cases[name] ?? []) expect.soft(write(value), String(value)).toBe(text);
  });
}

test("changes have a sign, and shares change in points", () => {
  expect(change(11, 10, "compact")).toBe("+10.0 %");
  expect(change(9, 10, "compact")).toBe("\u221210.0 %");
  expect(change(-5, -10, "compact")).toBe("+50.0 %");
  expect(change(10.0001, 10, "compact")).toBe("0.0 %");
  expect(change(500, 10, "compact")).toBe("+4.9k %");
  expect(change(5, 0, "compact")).toBe("");
  expect(change(0.05, 0.02, "percent")).toBe("+3.0 points");
});

test("periods name their days", () => {
  expect(period(20454, 20454)).toBe("1 Jan 2026");
  expect(period(20454, 20455)).toBe("1 Jan 2026 to 2 Jan 2026");
});
