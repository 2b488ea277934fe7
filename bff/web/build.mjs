// Bundles the page into dist/: hashed assets, each with a gzip twin, and the manifest that bff/server/graphiql.py reads.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const assets = join(dist, "assets");

const COMPRESSIBLE = /\.(js|css|svg)$/;
const LICENCE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

const common = {
  absWorkingDir: here,
  bundle: true,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  legalComments: "none", // THIRD-PARTY.txt holds the licences in full
  loader: { ".svg": "copy" },
  logLevel: "warning",
  metafile: true,
  minify: true,
  outdir: assets,
  target: ["es2022"],
};

// GraphiQL's style sheet already holds Monaco's.
const withoutMonacoStyles = {
  name: "without-monaco-styles",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]monaco-editor[\\/].*\.css$/ }, () => ({ contents: "", loader: "empty" }));
  },
};

/** The file name of the output that was built from `entry`. */
function outputOf(result, entry) {
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint === entry) return { name: basename(path), ...output };
  }
  throw new Error(`nothing was built from ${entry}`);
}

/** What a page loads first, when `entry` is its script. */
function namesOf(entry) {
  const preload = entry.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => basename(path));
  return { script: entry.name, style: basename(entry.cssBundle), preload };
}

async function bundleWorkers() {
  const sources = {
    editor: "node_modules/monaco-editor/esm/vs/editor/editor.worker.js",
    json: "node_modules/monaco-editor/esm/vs/language/json/json.worker.js",
    graphql: "node_modules/monaco-graphql/esm/graphql.worker.js",
  };
  const entryPoints = Object.entries(sources).map(([name, path]) => ({ in: path, out: `${name}-worker` }));
  const result = await build({ ...common, entryPoints, format: "iife" });
  const names = Object.entries(sources).map(([name, path]) => [name, outputOf(result, path).name]);
  return { result, workers: Object.fromEntries(names) };
}

async function bundlePage(workers) {
  const result = await build({
    ...common,
    entryPoints: { bff: "src/main.tsx", console: "src/console/main.tsx", icon: "src/icon.svg" },
    format: "esm",
    splitting: true,
    jsx: "automatic",
    plugins: [withoutMonacoStyles],
    define: { "process.env.NODE_ENV": '"production"', WORKERS: JSON.stringify(workers) },
  });
  const icon = outputOf(result, "src/icon.svg").name;
  const [graphiql, console] = ["src/main.tsx", "src/console/main.tsx"].map((entry) => namesOf(outputOf(result, entry)));
  return { result, manifest: { ...graphiql, icon, console } };
}

async function licences(results) {
  const found = new Map();
  for (const input of results.flatMap(({ metafile }) => Object.keys(metafile.inputs))) {
    const folder = input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
    if (!folder || found.has(folder)) continue;
    const about = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
    const files = (await readdir(join(here, folder))).filter((name) => LICENCE.test(name));
    const texts = await Promise.all(files.map((name) => readFile(join(here, folder, name), "utf8")));
    found.set(folder, [`${about.name} ${about.version} (${about.license})`, ...texts].join("\n\n"));
  }
  return [...found.values()].sort().join(`\n\n${"-".repeat(80)}\n\n`);
}

async function compress() {
  let [files, bytes, sent] = [0, 0, 0];
  for (const name of await readdir(assets)) {
    const content = await readFile(join(assets, name));
    const small = COMPRESSIBLE.test(name) ? gzipSync(content, { level: 9 }) : content;
    if (small !== content) await writeFile(join(assets, `${name}.gz`), small);
    files += 1;
    bytes += content.length;
    sent += small.length;
  }
  const kB = (size) => `${Math.round(size / 1000)} kB`;
  console.log(`bff/web/dist: ${files} files, ${kB(bytes)}, ${kB(sent)} as sent`);
}

await rm(dist, { recursive: true, force: true });
await mkdir(assets, { recursive: true });
const { result: workerBuild, workers } = await bundleWorkers();
const { result: pageBuild, manifest } = await bundlePage(workers);
await compress();
await writeFile(join(dist, "THIRD-PARTY.txt"), await licences([workerBuild, pageBuild]));
await writeFile(join(dist, "manifest.json"), JSON.stringify(manifest, null, 2));
