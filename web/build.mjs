// Builds the pages into src/motet/web/. The output depends on the sources and the lock file alone: no times, no paths.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const output = join(here, "../src/motet/web");
const demo = join(output, "demo");
const operators = join(output, "console");

const bundle = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.ts", console: "src/console/main.ts", welcome: "pages/welcome.css" },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome116", "firefox124", "safari17.4"],
  legalComments: "none", // they are in THIRD_PARTY.txt, whole
  metafile: true,
  outdir: "out",
  write: false,
  logLevel: "warning",
});
const built = Object.fromEntries(bundle.outputFiles.map((file) => [file.path.replace(/.*[\\/]/, ""), file.text]));
const drawing = (await page("icon.svg")).trim();
const icon = `data:image/svg+xml,${encodeURIComponent(drawing)}`;

await rm(demo, { recursive: true, force: true });
await mkdir(demo, { recursive: true });
await write(join(demo, "app.js"), built["app.js"]);
await write(join(demo, "style.css"), built["app.css"]);
await write(join(demo, "THIRD_PARTY.txt"), await licences(Object.keys(bundle.metafile.inputs)));
await write(
  join(demo, "index.html"),
  fill(await page("demo.html"), { icon, style: version(built["app.css"]), app: version(built["app.js"]) }),
);

// The console's policy allows nothing inline, so its icon is a file.
await rm(operators, { recursive: true, force: true });
await mkdir(operators, { recursive: true });
await write(join(operators, "app.js"), built["console.js"]);
await write(join(operators, "style.css"), built["console.css"]);
await write(join(operators, "icon.svg"), `${drawing}\n`);
await write(
  join(operators, "index.html"),
  fill(await page("console.html"), {
    icon: version(drawing),
    style: version(built["console.css"]),
    app: version(built["console.js"]),
  }),
);
await write(join(output, "index.html"), fill(await page("welcome.html"), { icon, css: built["welcome.css"].trim() }));

function page(name) {
  return readFile(join(here, "pages", name), "utf8");
}

async function write(path, text) {
  await writeFile(path, text);
  console.log(`${path.slice(output.length + 1).padEnd(22)} ${(Buffer.byteLength(text) / 1024).toFixed(1)} KiB`);
}

function fill(template, values) {
  return template.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]);
}

/** Changes when the content does, so that a cached page never meets another version's script. */
function version(text) {
  return createHash("sha256").update(text).digest("hex").slice(0, 10);
}

/** The licence of every package that has a file in the bundle. */
async function licences(inputs) {
  const names = new Set(inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
  const parts = await Promise.all(
    [...names].sort().map(async (name) => {
      const folder = join(here, "node_modules", name);
      const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
      const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
      if (file === undefined) throw new Error(`${name} comes without a licence text`);
      return `${name} ${version} (${license})\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
    }),
  );
  return `app.js contains these packages.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}
