// Builds the npm package and the page:
//
//   node build.mjs package EXPORT OUT   OUT/fer-sdk-web-VERSION.tgz, from an export of `fer-convert --android`
//   node build.mjs site TARBALL OUT     the page with the package's modules, for any static host
//
// `make web-site` runs both.

import { execFileSync } from "node:child_process";
import {
  cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join, relative, resolve } from "node:path";

const WEB = import.meta.dirname;
const ROOT = resolve(WEB, "../..");
const LITERT = join(WEB, "node_modules/@litertjs/core");
// With relaxed SIMD, and without; a browser loads one of them.
const RUNTIMES = ["litert_wasm_internal", "litert_wasm_compat_internal"];

const text = (path) => readFileSync(path, "utf8");
const sha256 = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Replace text that must occur exactly once. */
function replaced(source, old, replacement) {
  if (source.split(old).length !== 2) throw new Error(`the text must contain ${old} exactly once`);
  return source.replace(old, () => replacement);
}

function buildPackage(exported, out) {
  const folder = join(out, "package");
  mkdirSync(out, { recursive: true });
  for (const name of readdirSync(out)) if (name.endsWith(".tgz")) rmSync(join(out, name));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(WEB, "fer"), folder, { recursive: true });
  const litert = replaced(text(join(LITERT, "dist/index.js")), '"@litertjs/wasm-utils"', '"./wasm_loader.js"');
  writeFileSync(join(folder, "litert.js"), litert.replace(/\/\/# sourceMappingURL=.*/, ""));
  for (const name of ["LICENSE", "THIRD_PARTY_NOTICES.md"]) cpSync(join(ROOT, name), join(folder, name));
  copyAssets(exported, join(folder, "assets"));

  const { devDependencies, private: _, ...described } = JSON.parse(text(join(WEB, "package.json")));
  const version = /^version = "(.*)"$/m.exec(text(join(ROOT, "pyproject.toml")))[1];
  const json = { ...described, version };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(json, null, 2)}\n`);
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", resolve(out)], { cwd: folder });
  console.log(join(out, String(packed).trim()));
}

/** Copy the int8 models with float input and output, the detector and LiteRT's WebAssembly files. */
function copyAssets(exported, assets) {
  const { golden: _, ...manifest } = JSON.parse(text(join(exported, "manifest.json")));
  const models = manifest.models.filter(({ runtime, io, precision }) =>
    runtime === "litert" && io === "float32" && precision === "int8");
  const files = [...models.map(({ file }) => file), manifest.detector]
    .flatMap((file) => [file, `${file}.json`]);
  const hashes = Object.fromEntries(files.map((file) => [file, manifest.sha256[file]]));
  for (const file of files) {
    mkdirSync(dirname(join(assets, file)), { recursive: true });
    cpSync(join(exported, file), join(assets, file));
    if (sha256(join(assets, file)) !== hashes[file]) throw new Error(`${file} does not match the manifest: export again`);
  }
  const kept = { ...manifest, models, sha256: hashes };
  writeFileSync(join(assets, "manifest.json"), `${JSON.stringify(kept, null, 1)}\n`);
  mkdirSync(join(assets, "wasm"));
  for (const name of RUNTIMES) {
    const script = text(join(LITERT, `wasm/${name}.js`));
    // Workers that are ES modules can only import a script.
    writeFileSync(join(assets, `wasm/${name}.js`), `${script}\nexport default ModuleFactory;\n`);
    cpSync(join(LITERT, `wasm/${name}.wasm`), join(assets, `wasm/${name}.wasm`));
  }
}

function buildSite(tarball, out) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  cpSync(join(WEB, "page"), out, { recursive: true });
  cpSync(join(ROOT, "examples/eileen_collins.png"), join(out, "sample.png"));
  execFileSync("tar", ["-xzf", resolve(tarball)], { cwd: out });
  renameSync(join(out, "package"), join(out, "fer"));
  // Hosts serve a name without an ending as a download.
  renameSync(join(out, "fer/LICENSE"), join(out, "LICENSE.txt"));
  renameSync(join(out, "fer/THIRD_PARTY_NOTICES.md"), join(out, "THIRD_PARTY_NOTICES.txt"));
  for (const name of ["cli.mjs", "index.d.ts", "package.json", "README.md"]) rmSync(join(out, "fer", name));
  fillTemplate(join(out, "about.html"), {
    "<!-- PROJECT -->": projectLink(process.env.FER_PROJECT_URL),
    "<!-- ACCURACY -->": accuracyTables(text(join(ROOT, "README.md"))),
  });

  // The files that are cached at once; models and WebAssembly files are cached when they are used.
  const shell = listed(out).filter((file) =>
    file !== "service-worker.js" && !/^fer\/assets\/(models|detector|wasm)\//.test(file));
  const hashes = shell.map((file) => sha256(join(out, file)));
  const version = createHash("sha256").update(hashes.join()).digest("hex").slice(0, 12);
  fillTemplate(join(out, "service-worker.js"), {
    'const VERSION = "";': `const VERSION = "${version}";`,
    "const SHELL = [];": `const SHELL = ${JSON.stringify(["./", ...shell])};`,
  });
  const files = listed(out);
  const bytes = files.reduce((sum, file) => sum + statSync(join(out, file)).size, 0);
  console.log(`${out}: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
}

function fillTemplate(path, texts) {
  const filled = Object.entries(texts).reduce((all, [old, value]) => replaced(all, old, value), text(path));
  writeFileSync(path, filled);
}

/** Return a link to the project's source, if FER_PROJECT_URL names it. */
function projectLink(url) {
  if (!url) return "";
  if (!/^https:\/\/[\w./-]+$/.test(url)) throw new Error(`FER_PROJECT_URL must be an https address, but is ${url}`);
  return `<p><a href="${url}">Source code and documentation</a></p>`;
}

/** Return the tables of the models in the README, as HTML. */
function accuracyTables(readme) {
  const tables = readme.match(/^\| model \|.*\n\|[-|]+\n(\|.*\n)+/gm) ?? [];
  if (!tables.length) throw new Error("README.md must have a table that begins with | model |");
  return tables.map((table) => {
    const [head, , ...rows] = table.trim().split("\n")
      .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()));
    const row = (cells, tag) => `<tr>${cells.map((cell) => `<${tag}>${html(cell)}</${tag}>`).join("")}</tr>`;
    return `<div class="scroll" tabindex="0" role="region" aria-label="${html(`Accuracy of ${rows[0][0]} and others`)}">`
      + `<table>\n<thead>${row(head, "th")}</thead>\n<tbody>\n${rows.map((cells) => row(cells, "td")).join("\n")}`
      + "\n</tbody></table></div>";
  }).join("\n");
}

/** Return the text of a Markdown cell; links keep their text only. */
function html(cell) {
  return cell.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** Return the files below a folder, relative to it. */
function listed(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

const [what, from, out] = process.argv.slice(2);
const build = { package: buildPackage, site: buildSite }[what];
if (!build || !out) {
  console.error("usage: node build.mjs package EXPORT OUT | site TARBALL OUT");
  process.exit(2);
}
try {
  if (!existsSync(from)) throw new Error(`${from} does not exist: run \`make web-site\``);
  build(from, out);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
