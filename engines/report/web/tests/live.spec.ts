// What a served page can do: tests/embedded/explorer.rs serves it from a lake of one day.
//
// EXPLORE_URL            with project files in a folder
// EXPLORE_FOLDER         its dashboard
// EXPLORE_EMBEDDED_URL   with project files that are part of the command
import { existsSync, readFileSync } from "node:fs";
import type axe from "axe-core";
import { expect, type Page, test } from "@playwright/test";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the test 'explorer' of tests/embedded`);
  return value;
}
const url = variable("EXPLORE_URL");
const folder = variable("EXPLORE_FOLDER");
const embedded = variable("EXPLORE_EMBEDDED_URL");

test.describe.configure({ mode: "serial" });

/** Opens the page and fails on anything that it complains about or that it asks of another server. */
async function open(page: Page, address = url): Promise<void> {
  page.on("pageerror", (error) => expect(error, "error of the page").toBeUndefined());
  page.on("request", (request) => expect(request.url(), "request").toMatch(/^(http:\/\/127\.0\.0\.1:|data:|blob:)/));
  await page.goto(address);
  await expect(page.getByRole("heading", { name: "Ask a question" })).toBeVisible();
}

async function ask(page: Page, sql: string): Promise<void> {
  await page.getByLabel("SQL").fill(sql);
  await page.getByRole("button", { name: "Run" }).click();
  await expect(page.getByRole("button", { name: "Run" })).toBeEnabled();
}

/** A panel of the page may have the title of a detail. */
const details = (page: Page) => page.getByRole("region", { name: "Details" });

const sales = "select channel, sum(gross_sales) as sales from {{ ref('mart_sales_daily') }} group by channel order by sales desc";

test("from a bar to days, merchants and masked rows", async ({ page }) => {
  await open(page);
  await page.getByRole("group", { name: "Net sales by channel" }).getByRole("button", { name: "online" }).click();
  await details(page).getByRole("region", { name: "Days" }).getByRole("button", { name: "15 Jan 2026" }).click();
  await expect(page.getByRole("button", { name: "Merchants", exact: true })).toHaveAttribute("aria-pressed", "true");
  const merchants = details(page).getByRole("region", { name: "Merchants" });
  const merchant = merchants.getByRole("button").first();
  const id = (await merchants.getByRole("row").nth(1).getByRole("cell").nth(1).textContent()) ?? "";
  await merchant.click();
  await expect(page.getByRole("button", { name: `Remove the filter Merchant: ${id}` })).toBeVisible();
  const rows = details(page).getByRole("region", { name: "Transactions" }).getByRole("row");
  await expect(rows.nth(1)).toBeVisible();
  const heads = await rows.first().getByRole("columnheader").allTextContents();
  for (const row of (await rows.all()).slice(1)) {
    const cells = await row.getByRole("cell").allTextContents();
    expect(cells[heads.indexOf("Card")]).toMatch(/^(\u2022{4} \d{4})?$/);
    expect(cells[heads.indexOf("Channel")]).toBe("online");
    expect(cells.join(" ")).not.toMatch(/\d{6,}|@|v1_/);
  }
  // A link to the rows shows the rows, and the way back leads over the merchants.
  await page.reload();
  await expect(rows.nth(1)).toBeVisible();
  await page.getByRole("button", { name: `Remove the filter Merchant: ${id}` }).click();
  await expect(rows.nth(1)).toBeVisible();
  await page.goBack();
  await page.goBack();
  await expect(merchants.getByRole("row").nth(1)).toBeVisible();
});

test("a question as table, bars and columns", async ({ page }) => {
  await open(page);
  await expect(page.getByLabel("SQL")).toHaveValue(/ref\('mart_sales_daily'\)/);
  await page.getByLabel("SQL").press("Control+Enter");
  await expect(page.getByRole("region", { name: "Result" })).toBeVisible();
  await ask(page, sales);
  await expect(page.getByText("3 rows.")).toBeVisible();
  await expect(page.getByRole("region", { name: "Result" }).getByRole("row")).toHaveCount(4);
  await page.getByRole("combobox", { name: "Show as" }).selectOption("Bars");
  await expect(page.getByText("Bars: sales by channel")).toBeVisible();
  await expect(page.locator(".question .bars li")).toHaveCount(3);
  await page.getByRole("combobox", { name: "Show as" }).selectOption("Columns");
  const chart = page.getByRole("slider", { name: "sales by channel" });
  await expect(chart).toBeVisible();
  await chart.press("Home");
  await expect(chart).toHaveAttribute("aria-valuetext", /^\w+: [\d.]+[kMB]$/);
  await page.getByRole("combobox", { name: "Names" }).selectOption("sales");
  await expect(page.getByText("Columns: sales by sales")).toBeVisible();
});

test("what is wrong with a question is told", async ({ page }) => {
  await open(page);
  for (const [sql, problem] of [
    ["select nothing from {{ ref('mart_sales_daily') }}", /nothing/],
    ["select 1 from {{ ref('no_such_model') }}", /there is no model of that name/],
    ["drop table analytics.mart_sales_daily", /a question is a SELECT/],
    ["select 1; select 2", /these are 2 statements/],
  ] as const) {
    await ask(page, sql);
    await expect(page.locator(".question .error")).toHaveText(problem);
    await expect(page.getByRole("region", { name: "Result" })).toBeHidden();
  }
  await ask(page, "select transaction_id from {{ ref('fact_transactions') }}");
  await expect(page.getByText("The first 1,000 rows; there are more.")).toBeVisible();
  // Names and values are text.
  await ask(page, "select '<img src=x onerror=alert(1)>' as \"<b>n</b>\"");
  await expect(page.getByRole("cell", { name: "<img src=x onerror=alert(1)>" })).toBeVisible();
});

test("a question becomes a panel of the page, once", async ({ page }) => {
  await open(page);
  await ask(page, sales);
  await page.getByRole("combobox", { name: "Show as" }).selectOption("Bars");
  const save = page.getByRole("button", { name: "Save as a panel" });
  await save.click();
  await expect(page.getByText("A panel needs a title and a file name.")).toBeVisible();
  await page.getByLabel("Title").fill("Sales, by channel!");
  await expect(page.getByLabel("File name")).toHaveValue("sales-by-channel");
  await save.click();
  await expect(page.getByText(/^Saved as .*sales-by-channel\.yml/)).toBeVisible();
  expect(readFileSync(`${folder}/page.yml`, "utf8")).toContain("- sales-by-channel");
  const written = readFileSync(`${folder}/sales-by-channel.yml`, "utf8");
  await page.getByLabel("Title").fill("Another");
  await page.getByLabel("File name").fill("sales-by-channel");
  await save.click();
  await expect(page.getByText("there is a sales-by-channel.yml already")).toBeVisible();
  await page.getByLabel("File name").fill("../evil");
  await save.click();
  await expect(page.getByText("cannot be the panel's name")).toBeVisible();
  expect(readFileSync(`${folder}/sales-by-channel.yml`, "utf8")).toBe(written);
  await page.reload();
  await expect(page.locator("section#sales-by-channel")).toContainText("Sales, by channel!");
  await expect(page.locator("section#sales-by-channel svg").first()).toBeVisible();
});

test("files of the command are not written: the panel is offered", async ({ page }) => {
  await open(page, embedded);
  await ask(page, "select 1 as n");
  await page.getByLabel("Title").fill("One");
  await page.getByRole("button", { name: "Make the file" }).click();
  await expect(page.getByText("The dashboard is part of the cardlake command.")).toBeVisible();
  const downloading = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download one.yml" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("one.yml");
  expect(readFileSync(await download.path(), "utf8")).toContain('title: "One"');
  expect(existsSync(`${folder}/one.yml`)).toBe(false);
});

test("axe finds nothing, in light and dark, on a phone", async ({ browser }) => {
  const context = await browser.newContext({ viewport: { width: 380, height: 800 } });
  const page = await context.newPage();
  await open(page);
  await ask(page, sales);
  await page.getByRole("combobox", { name: "Show as" }).selectOption("Bars");
  await page.getByRole("button", { name: "Merchants", exact: true }).click();
  await expect(details(page).getByRole("region", { name: "Merchants" })).toBeVisible();
  await page.evaluate(readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8"));
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
    expect(found.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  }
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);
  await context.close();
});

test("the page asks no other server", async ({ page }) => {
  await page.goto(url);
  const refused = await page.evaluate((address) => fetch(address).then(() => "", String), embedded);
  expect(refused).toContain("Failed to fetch");
});
