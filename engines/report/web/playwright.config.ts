// Tests in the Chromium that scripts/chromium.sh names: none is downloaded.
import { defineConfig } from "@playwright/test";

const executablePath = process.env["CHROMIUM_PATH"];
if (!executablePath) throw new Error("run the tests with scripts/web.sh, which names a Chromium");

export default defineConfig({
  testDir: "tests",
  // Two cores, and other tests beside these.
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  // Only a hang is too slow: the machine may be busy with other tests.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: "list",
  outputDir: "test-results",
  use: {
    launchOptions: { executablePath, args: ["--no-sandbox"] },
    viewport: { width: 1200, height: 900 },
    trace: "off",
  },
  projects: [
    { name: "snapshot", testMatch: /(snapshot|format)\.spec\.ts/ },
    { name: "pages", testMatch: /pages\.spec\.ts/ },
    // One server, one lake: one test after the other.
    { name: "live", testMatch: /live\.spec\.ts/, workers: 1 },
  ],
});
