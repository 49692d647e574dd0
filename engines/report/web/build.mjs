// Bundles src/ into dist/, which is committed: the Rust crate embeds it, and a build of that needs no Node.js.
// `node build.mjs --check` writes nothing and fails if dist/ is not what src/ makes.
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const isCheck = process.argv.includes("--check");

// Whoever gets a page gets the licence of what is in it.
const licence = (await readFile(here("node_modules/uplot/LICENSE"), "utf8")).trim();
const version = JSON.parse(await readFile(here("node_modules/uplot/package.json"), "utf8")).version;
const banner = `/*! Includes uPlot ${version}.\n\n${licence}\n*/`;

const { outputFiles } = await build({
  absWorkingDir: here("."),
  entryPoints: [{ in: "src/main.ts", out: "explore" }],
  bundle: true,
  format: "iife",
  target: ["es2022"],
  minify: true,
  // Text in other scripts would depend on how the page is read.
  charset: "ascii",
  legalComments: "none",
  banner: { js: banner, css: banner },
  outdir: here("dist"),
  write: !isCheck,
});

if (isCheck) {
  for (const { path, text } of outputFiles) {
    if (text !== (await readFile(path, "utf8"))) {
      console.error(`${path} is not what src/ makes: run \`npm run build\` in engines/report/web and commit it`);
      process.exitCode = 1;
    }
  }
}
