// Builds what the browser loads into ../static/built/<version>-<hash>/ and names that folder in
// ../static/built/current.json. The hash covers the sources and the lock file, so the folder's name changes with
// every change: worker and wasm are asked for by plain name and may be cached for ever.
//
//   node build.mjs            build, unless the folder for this very hash is there
//   node build.mjs --check    say by the exit code whether it is there (needs no node_modules)
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

const here = import.meta.dirname;
const builtRoot = path.join(here, "..", "static", "built");
const stamp = path.join(builtRoot, "current.json");

const COPIES = {
  "wasm/charlswasm_decode.wasm": "@cornerstonejs/codec-charls/dist/charlswasm_decode.wasm",
  "wasm/openjpegwasm_decode.wasm": "@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode.wasm",
  "wasm/openjphjs.wasm": "@cornerstonejs/codec-openjph/dist/openjphjs.wasm",
  "wasm/libjpegturbowasm_decode.wasm": "@cornerstonejs/codec-libjpeg-turbo-8bit/dist/libjpegturbowasm_decode.wasm",
  "htmx.min.js": "htmx.org/dist/htmx.min.js",
  "sse.min.js": "htmx-ext-sse/dist/sse.min.js",
  "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
  "bootstrap.bundle.min.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
};

function sources() {
  const listed = fs.readdirSync(path.join(here, "src"), { recursive: true, withFileTypes: true });
  const files = listed.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return [...files, ...["package.json", "package-lock.json", "build.mjs"].map((name) => path.join(here, name))].sort();
}

function wantedFolder() {
  const hash = crypto.createHash("sha256");
  for (const file of sources()) {
    hash.update(path.relative(here, file).replaceAll(path.sep, "/") + "\0");
    hash.update(fs.readFileSync(file));
  }
  const { version } = JSON.parse(fs.readFileSync(path.join(here, "package.json"), "utf8"));
  return `${version}-${hash.digest("hex").slice(0, 12)}`;
}

function isBuilt(folder) {
  try {
    return JSON.parse(fs.readFileSync(stamp, "utf8")).folder === folder && fs.existsSync(path.join(builtRoot, folder));
  } catch {
    return false;
  }
}

async function build(folder) {
  const esbuild = await import("esbuild");
  const out = path.join(builtRoot, `.${folder}.part`);
  fs.rmSync(out, { recursive: true, force: true });
  fs.mkdirSync(path.join(out, "wasm"), { recursive: true });
  const empty = "./src/empty.js";
  await esbuild.build({
    absWorkingDir: here,
    entryPoints: {
      viewer: "src/viewer.js",
      decodeImageFrameWorker: "src/decodeImageFrameWorker.js",
      pages: "src/pages/pages.js",
      display: "src/display.js",
    },
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    outdir: out,
    legalComments: "linked",
    define: { "process.env.NODE_ENV": '"production"' },
    alias: { xmlbuilder2: empty, fs: empty, path: empty, zlib: empty },
    logLevel: "warning",
  });
  for (const [name, source] of Object.entries(COPIES)) {
    fs.copyFileSync(path.join(here, "node_modules", source), path.join(out, name));
  }
  fs.rmSync(path.join(builtRoot, folder), { recursive: true, force: true });
  fs.renameSync(out, path.join(builtRoot, folder));
  fs.writeFileSync(`${stamp}.part`, `${JSON.stringify({ folder })}\n`);
  fs.renameSync(`${stamp}.part`, stamp);
  removeOthers(folder);
}

function removeOthers(folder) {
  for (const entry of fs.readdirSync(builtRoot, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== folder) {
      fs.rmSync(path.join(builtRoot, entry.name), { recursive: true, force: true });
    }
  }
}

const folder = wantedFolder();
if (process.argv.includes("--check")) process.exit(isBuilt(folder) ? 0 : 1);
if (isBuilt(folder)) {
  console.log(`browser files: ${folder} is up to date`);
} else {
  await build(folder);
  console.log(`browser files: built ${folder}`);
}
