// The other pages of the command: the documentation of the models (MODELS_PAGE) and Data Docs (DATA_DOCS_PAGE), as
// tests/embedded/pages.rs has them made.
import { readFileSync } from "node:fs";
import type axe from "axe-core";
import { expect, type Locator, type Page, test } from "@playwright/test";

const paths = { models: process.env["MODELS_PAGE"] ?? "", dataDocs: process.env["DATA_DOCS_PAGE"] ?? "" };
if (!paths.models || !paths.dataDocs) throw new Error("run `cargo test -p cardlake --test embedded pages`");

/** Opens a page and fails on anything that it complains about or would load. */
async function open(page: Page, path: string, fragment = ""): Promise<void> {
  page.on("pageerror", (error) => expect(error, "error of the page").toBeUndefined());
  page.on("console", (message) => expect(message.text(), "message of the page").toBe(""));
  page.on("request", (request) => expect(request.url(), "request").toMatch(/^(file:|data:)/));
  await page.goto(`file://${path}${fragment}`);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
}

const section = (page: Page, name: string): Locator => page.getByRole("region", { name, exact: true });
const contents = (page: Page): Locator => page.getByRole("navigation", { name: "Contents" });
const box = (page: Page, name: string): Locator => page.locator("svg").getByRole("link", { name, exact: true });

test("a search leaves what holds every word", async ({ page }) => {
  await open(page, paths.models);
  const search = page.getByLabel("Search names, columns and descriptions");
  await page.keyboard.press("/");
  await expect(search).toBeFocused();
  await search.fill("MERCHANT_ID mart_merchant");
  await expect(section(page, "mart_merchant_performance")).toBeVisible();
  await expect(section(page, "dim_date")).toBeHidden();
  await expect(section(page, "Lineage")).toBeHidden();
  await expect(contents(page).getByRole("link", { name: "dim_date" })).toBeHidden();
  await expect(contents(page).getByRole("heading", { name: "Sources" })).toBeHidden();
  await expect(page.getByRole("status")).toHaveText(/^1 of \d+$/);
  await search.fill("nothing has this name");
  await expect(page.getByRole("status")).toHaveText(/^0 of/);
  await search.press("Escape");
  await expect(section(page, "dim_date")).toBeVisible();
  await expect(page.getByRole("status")).toBeEmpty();
});

test("a link leads to its section, also one that a search hides", async ({ page }) => {
  await open(page, paths.models);
  await contents(page).getByRole("link", { name: "fact_transactions" }).click();
  await expect(section(page, "fact_transactions")).toBeInViewport();
  await page.getByLabel("Search names").fill("dim_date");
  await expect(section(page, "fact_transactions")).toBeHidden();
  await section(page, "dim_date").getByRole("link", { name: "stg_transactions" }).click();
  await expect(section(page, "stg_transactions")).toBeInViewport();
});

test("a section has types, descriptions, tests and both forms of the SQL", async ({ page }) => {
  await open(page, paths.models);
  const fact = section(page, "fact_transactions");
  const amount = fact.getByRole("row").filter({ has: page.getByRole("cell", { name: "transaction_id", exact: true }) });
  await expect(amount).toContainText("varchar");
  await expect(amount).toContainText("unique");
  await fact.getByText("SQL as written").click();
  await expect(fact.getByText("{{ ref('stg_transactions') }}").first()).toBeVisible();
  await fact.getByText("SQL as compiled").click();
  await expect(fact.getByText('"stg_transactions"').first()).toBeVisible();
});

test("the lineage is narrowed to a model, enlarged and dragged", async ({ page }) => {
  await open(page, paths.models);
  await expect(box(page, "mart_rfm_customer")).toBeVisible();
  await page.getByLabel("Show").selectOption("dim_merchants");
  await expect(box(page, "snap_merchants")).toBeVisible();
  await expect(box(page, "raw.merchants")).toBeVisible();
  await expect(box(page, "mart_rfm_customer")).toBeHidden();
  await page.getByLabel("Direction").selectOption({ label: "with all that it goes into" });
  await expect(box(page, "raw.merchants")).toBeHidden();
  await expect(box(page, "mart_merchant_performance")).toBeVisible();
  await page.getByLabel("Show").selectOption({ label: "everything" });
  const drawing = page.locator(".drawing");
  const width = async (): Promise<number> => (await page.locator(".drawing svg").boundingBox())?.width ?? 0;
  const before = await width();
  await page.getByRole("button", { name: "Larger" }).click();
  expect(await width()).toBeGreaterThan(before * 1.2);
  const place = await drawing.boundingBox();
  if (place === null) throw new Error("the drawing is not shown");
  const url = page.url();
  await page.mouse.move(place.x + 300, place.y + 60);
  await page.mouse.down();
  await page.mouse.move(place.x + 100, place.y + 60, { steps: 5 });
  await page.mouse.up();
  expect(await drawing.evaluate((element) => element.scrollLeft)).toBeGreaterThan(100);
  expect(page.url(), "a drag is no click").toBe(url);
  await page.getByRole("button", { name: "Fit" }).click();
  expect(await width()).toBeLessThanOrEqual(place.width);
  await box(page, "raw.cards").press("Enter");
  await expect(section(page, "raw.cards")).toBeInViewport();
});

test("without scripts everything is there", async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`file://${paths.models}`);
  await expect(section(page, "dim_date")).toBeVisible();
  await expect(page.getByLabel("Search names")).toBeHidden();
  await context.close();
});

for (const [name, path] of Object.entries(paths)) {
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [380, 1200]) {
      test(`${name}: axe finds nothing, ${colorScheme}, ${width} wide`, async ({ page }) => {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await open(page, path);
        await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
        // Not as a script of the page, which its policy forbids.
        await page.evaluate(readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8"));
        const found = await page.evaluate(() => (window as unknown as { axe: typeof axe }).axe.run());
        const violations = found.violations.map(
          (violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => node.html).join("; ")}`,
        );
        expect(violations).toEqual([]);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(wide, "no sideways scrolling").toBe(0);
      });
    }
  }
}
