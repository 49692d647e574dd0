// Every control of the page as it is written to a file. EXPLORE_PAGE is its path: tests/explorer.rs makes it from the numbers
// that are repeated here.
import { readFileSync } from "node:fs";
import type axe from "axe-core";
import { expect, type Locator, type Page, test } from "@playwright/test";

const path = process.env["EXPLORE_PAGE"];
if (!path) throw new Error("EXPLORE_PAGE is not set: run `cargo test -p cardlake-report`");
const url = `file://${path}`;

/** Opens the page and fails on anything that it complains about or would load. */
async function open(page: Page, fragment = ""): Promise<void> {
  page.on("pageerror", (error) => expect(error, "error of the page").toBeUndefined());
  page.on("console", (message) => expect(message.text(), "message of the page").toBe(""));
  page.on("request", (request) => expect(request.url(), "request").toMatch(/^(file:|data:)/));
  await page.goto(url + fragment);
  await expect(page.getByRole("heading", { name: "Sales by day" })).toBeVisible();
}

const tile = (page: Page, name: string): Locator => page.getByRole("button", { name: new RegExp(`^${name}`) }).first();
const bar = (page: Page, group: string, name: string | RegExp): Locator =>
  page.getByRole("group", { name: group }).getByRole("button", { name });
const days = (page: Page): Locator => page.getByRole("region", { name: "Days" });

test("the numbers are those of the data", async ({ page }) => {
  await open(page);
  // The sums that explorer.rs makes, by another way.
  let sales = 0;
  let orders = 0;
  for (let day = 70; day < 100; day++) {
    for (let category = 0; category < 4; category++) {
      for (let channel = 0; channel < 3; channel++) {
        if (category === 0 && channel === 2) continue;
        const count = 100 + 10 * (day % 7) + 5 * category + channel + day;
        orders += count;
        sales += count * 400_000 + 0.5;
      }
    }
  }
  await expect(tile(page, "Sales")).toContainText(`${(sales / 1e9).toFixed(1)}B`);
  await expect(tile(page, "Orders")).toContainText(`${(orders / 1e3).toFixed(1)}k`);
  await expect(tile(page, "Average order")).toContainText("400k");
  await expect(page.getByText("12 Mar 2026 to 10 Apr 2026, compared with 10 Feb 2026 to 11 Mar 2026.")).toBeVisible();
  await expect(page.getByText("Columns: Sales, KRW, by day")).toBeVisible();
  await expect(page.getByText("Line: the same in the period before")).toBeVisible();
});

test("dates and presets set the period", async ({ page }) => {
  await open(page);
  await page.getByRole("button", { name: "7 days" }).click();
  await expect(page.getByLabel("From", { exact: true })).toHaveValue("2026-04-04");
  await expect(page.getByRole("button", { name: "7 days" })).toHaveAttribute("aria-pressed", "true");
  await page.getByRole("button", { name: "All" }).first().click();
  await expect(page.getByLabel("From", { exact: true })).toHaveValue("2026-01-01");
  await expect(page.getByText("of which there is no data")).toBeVisible();
  await page.getByLabel("To", { exact: true }).fill("2026-01-10");
  await page.getByLabel("From", { exact: true }).fill("2026-01-05");
  await expect(days(page).getByRole("row")).toHaveCount(7);
  // The other end follows.
  await page.getByLabel("From", { exact: true }).fill("2026-02-01");
  await expect(page.getByLabel("To", { exact: true })).toHaveValue("2026-02-01");
});

test("choices, chips and reset", async ({ page }) => {
  await open(page);
  const before = await tile(page, "Orders").textContent();
  await page.getByText("Category: all", { exact: true }).click();
  await page.getByRole("checkbox", { name: "books" }).check();
  await page.getByRole("checkbox", { name: "(none)" }).check();
  await expect(page.getByText("Category: 2 chosen")).toBeVisible();
  expect(await tile(page, "Orders").textContent()).not.toBe(before);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("checkbox", { name: "books" })).toBeHidden();
  await page.getByRole("button", { name: "Remove the filter Category: books" }).click();
  await expect(page.getByText("Category: (none)").first()).toBeVisible();
  await page.getByText("Category: (none)").first().click();
  await page.getByRole("group", { name: "Category", exact: true }).getByRole("button", { name: "All" }).click();
  await expect(page.getByText("Category: all", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "7 days" }).click();
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(page.getByLabel("From", { exact: true })).toHaveValue("2026-03-12");
  expect(await tile(page, "Orders").textContent()).toBe(before);
});

test("a click on a bar filters by it, and a day shows one day", async ({ page }) => {
  await open(page);
  await bar(page, "Sales by category", "books").click();
  await expect(bar(page, "Sales by category", "books")).toHaveAttribute("aria-pressed", "true");
  await expect(bar(page, "Sales by category", "books")).toBeFocused();
  // Books are not sold by phone; the other categories stay, to be compared with.
  await expect(page.getByRole("group", { name: "Sales by channel" }).getByRole("button")).toHaveCount(2);
  await expect(page.getByRole("group", { name: "Sales by category" }).getByRole("button")).toHaveCount(4);
  await bar(page, "Sales by channel", "online").click();
  await days(page).getByRole("button", { name: "9 Apr 2026" }).click();
  await expect(page.getByText("9 Apr 2026, compared with 8 Apr 2026.")).toBeVisible();
  // 100 + 10 * (98 % 7) + 98 orders on that day, 100 + 10 * (97 % 7) + 97 on the one before.
  await expect(tile(page, "Orders")).toContainText("198");
  await expect(tile(page, "Orders")).toContainText("before: 257");
  await bar(page, "Sales by category", "books").click();
  await expect(page.getByText("Category: all", { exact: true })).toBeVisible();
});

test("measure and comparison", async ({ page }) => {
  await open(page);
  await page.getByRole("combobox", { name: "Measure" }).selectOption("Returned");
  await expect(page.getByRole("heading", { name: "Returned by channel" })).toBeVisible();
  await expect(tile(page, "Returned")).toHaveAttribute("aria-pressed", "true");
  await expect(tile(page, "Returned")).toContainText("points");
  await tile(page, "Orders").click();
  await expect(page.getByRole("combobox", { name: "Measure" })).toHaveValue("orders");
  await expect(tile(page, "Orders")).toContainText("+13.7 %");
  await page.getByLabel("Compare with the period before").uncheck();
  await expect(tile(page, "Orders")).not.toContainText("%");
  await expect(page.getByText("Line: the same in the period before")).toBeHidden();
  await expect(days(page).getByRole("columnheader", { name: "change" })).toBeHidden();
});

test("a link shows the same, and the back button undoes", async ({ page, context }) => {
  await open(page);
  await bar(page, "Sales by channel", "phone").click();
  await page.getByRole("button", { name: "7 days" }).click();
  await tile(page, "Orders").click();
  await page.getByLabel("Compare with the period before").uncheck();
  const text = await tile(page, "Orders").textContent();
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.getByRole("heading", { name: "Orders by day" })).toBeVisible();
  expect(await tile(other, "Orders").textContent()).toBe(text);
  await expect(other.getByLabel("From", { exact: true })).toHaveValue("2026-04-04");
  await page.goBack();
  await expect(page.getByLabel("Compare with the period before")).toBeChecked();
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Sales by day" })).toBeVisible();
  await page.goBack();
  await page.goBack();
  await expect(page.getByText("Channel: all")).toBeVisible();
  await page.goForward();
  await expect(page.getByText("Channel: phone").first()).toBeVisible();
});

test("a link with nonsense shows the defaults", async ({ page }) => {
  await open(page, "#explore?from=soon&to=2030-01-01&in.category=none&measure=x&detail=shops&key.x=1");
  await expect(page.getByText("12 Mar 2026 to 10 Apr 2026")).toBeVisible();
  await expect(page.getByText("Category: all", { exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Days", exact: true })).toHaveAttribute("aria-pressed", "true");
});

test("everything works with the keyboard alone", async ({ page }) => {
  await open(page);
  const chart = page.getByRole("slider", { name: "Sales, KRW by day" });
  await chart.focus();
  await expect(chart).toHaveAttribute("aria-valuetext", /^10 Apr 2026: 960M KRW; 11 Mar 2026: /);
  await page.keyboard.press("ArrowLeft");
  await expect(chart).toHaveAttribute("aria-valuetext", /^9 Apr 2026: /);
  await page.keyboard.press("Home");
  await expect(chart).toHaveAttribute("aria-valuetext", /^12 Mar 2026: /);
  await page.keyboard.press("Enter");
  await expect(page.getByLabel("To", { exact: true })).toHaveValue("2026-03-12");
  await expect(chart).toBeFocused();
  await page.getByText("Channel: all").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect(page.getByText("Channel: in_store").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator("summary", { hasText: "Channel" })).toBeFocused();
  await page.getByRole("button", { name: "Remove the filter Channel: in_store" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Channel: all")).toBeVisible();
  await bar(page, "Sales by channel", "phone").focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText("Channel: phone").first()).toBeVisible();
  await days(page).getByRole("button").first().focus();
  await page.keyboard.press("Enter");
  await expect(days(page).getByRole("button").first()).toBeFocused();
  // Every control can be reached, and none keeps the focus.
  await page.locator("h1").click();
  const reached = new Set<string>();
  for (let step = 0; step < 80; step++) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => {
      const focused = document.activeElement;
      if (focused === null || focused === document.body) return null;
      return focused.getAttribute("aria-label") ?? focused.textContent ?? "";
    });
    if (name === null) break;
    reached.add(name);
  }
  for (const name of ["7 days", "Channel: phone", "Reset", "Copy link", "Days"]) expect([...reached]).toContain(name);
});

test("a click in the chart shows one day", async ({ page }) => {
  await open(page);
  const over = page.locator(".u-over").first();
  const box = await over.boundingBox();
  if (!box) throw new Error("there is no chart");
  await page.mouse.move(box.x + box.width * 0.99, box.y + box.height / 2);
  await expect(page.getByText("10 Apr 2026: 960M KRW")).toBeVisible();
  await page.mouse.click(box.x + box.width * 0.99, box.y + box.height / 2);
  await expect(page.getByLabel("From", { exact: true })).toHaveValue("2026-04-10");
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`axe finds nothing in ${colorScheme}`, async ({ browser }) => {
    const context = await browser.newContext({ colorScheme });
    const page = await context.newPage();
    await open(page);
    await page.getByText("Category: all", { exact: true }).click();
    await page.getByRole("checkbox", { name: "books" }).check();
    // The page lets no other script in; the tests bring theirs past it.
    await page.evaluate(readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8"));
    const found = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    expect(found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    await context.close();
  });
}

test("on a phone nothing is cut or sideways", async ({ browser }) => {
  const context = await browser.newContext({ viewport: { width: 380, height: 800 }, hasTouch: true, isMobile: true });
  const page = await context.newPage();
  await open(page);
  await page.getByText("Category: all", { exact: true }).tap();
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
  expect(await wide()).toBeLessThanOrEqual(380);
  await page.getByRole("button", { name: "All" }).first().tap();
  expect(await wide()).toBeLessThanOrEqual(380);
  const cut = await page.evaluate(() =>
    [...document.querySelectorAll("#explore-app :is(.name, .value, button, h3, .marks li, label, summary)")]
      .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
      .map((element) => element.textContent),
  );
  expect(cut).toEqual([]);
  await context.close();
});

test("without scripts the panels are there", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(url);
  await expect(page.getByText("Filters and questions need JavaScript; the charts below do not.")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Orders by kind" })).toBeVisible();
  await context.close();
});

test("a name that looks like markup is text", async ({ page }) => {
  await open(page);
  await expect(bar(page, "Sales by category", /^<\/script><script>alert\(1\)<\/script>/)).toBeVisible();
});

test("details that need a server are named, not offered", async ({ page }) => {
  await open(page);
  await expect(page.getByText("Shops: on a page that is served, not in this file.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Shops" })).toBeHidden();
  await expect(page.getByRole("heading", { name: "Ask a question" })).toBeHidden();
});
