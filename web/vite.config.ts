import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL(".", import.meta.url));
const packaged = join(root, "../src/upprint/serve/static");
const weights = join(root, "../src/upprint/weights");
const store = join(root, "../src/upprint/runtime/store.py");
const runtime = join(root, "node_modules/onnxruntime-web");
const credentials = join(root, "node_modules/@contentauth/c2pa-wasm");

const versionOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;

/** What the bundle is made from; `tests/web/test_bundle.py` computes the same. */
const SOURCES = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src"];

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => filesBelow(join(path, name)));
}

const sha256 = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex");
const slashes = (path: string): string => path.split("\\").join("/");

function sourceHash(): string {
  const files = SOURCES.flatMap((name) => filesBelow(join(root, name))).map((path) => slashes(relative(root, path)));
  return sha256(files.sort().map((path) => `${path} ${sha256(readFileSync(join(root, path)))}\n`).join(""));
}

/** WebAssembly that is fetched packed, since it travels in the Python package: 44 MB otherwise. */
function shipLibraries(): Plugin {
  const packed = (path: string): Buffer => {
    const data = gzipSync(readFileSync(path), { level: 9 });
    data[9] = 255; // the operating system, which does not matter
    return data;
  };
  const [ort, c2pa] = [`ort/${versionOf(runtime)}`, `c2pa/${versionOf(credentials)}`];
  return {
    name: "ship-libraries",
    generateBundle() {
      const emit = (fileName: string, source: Buffer): void => void this.emitFile({ type: "asset", fileName, source });
      for (const [name, variant] of [["wasm", ""], ["webgpu", ".jspi"]]) {
        const stem = join(runtime, `dist/ort-wasm-simd-threaded${variant}`);
        emit(`${ort}/ort-${name}.gz`, packed(`${stem}.wasm`));
        emit(`${ort}/ort-${name}.mjs`, readFileSync(`${stem}.mjs`));
      }
      emit(`${c2pa}/c2pa.gz`, packed(join(credentials, "pkg/c2pa_bg.wasm")));
      emit("THIRD_PARTY.md", readFileSync(join(root, "THIRD_PARTY.md")));
    },
  };
}

/** The library's own way to its binary, which is not taken, would put it into the bundle once more. */
function withoutBinary(): Plugin {
  return {
    name: "without-binary",
    transform(code, id) {
      if (!id.includes("@contentauth/c2pa-wasm")) return null;
      return { code: code.replace(/new URL\('c2pa_bg\.wasm', import\.meta\.url\)/, "undefined"), map: null };
    },
  };
}

/** What `upprint serve` says in settings.json when it is started without options. */
function defaultSettings(): string {
  const found = /^DEFAULT_SYSTEM = "([\w-]+)"$/m.exec(readFileSync(store, "utf8"));
  if (!found) throw new Error(`${store}: no line DEFAULT_SYSTEM = "..."`);
  return `${JSON.stringify({ system: found[1], fpr: null, tiles: null })}\n`;
}

/** Say what the bundle was built from; put models and settings beside a bundle that is served on its own. */
function finish(outDir: string, standalone: boolean): Plugin {
  return {
    name: "finish",
    closeBundle() {
      const paths = filesBelow(outDir).filter((path) => !path.endsWith("BUILD.json")).sort();
      const files = Object.fromEntries(paths.map((path) => [slashes(relative(outDir, path)), sha256(readFileSync(path))]));
      writeFileSync(join(outDir, "BUILD.json"), `${JSON.stringify({ source: sourceHash(), files }, null, 1)}\n`);
      if (!standalone || !existsSync(weights)) return;
      writeFileSync(join(outDir, "settings.json"), defaultSettings());
      mkdirSync(join(outDir, "models"), { recursive: true });
      for (const name of readdirSync(weights).filter((file) => /\.(onnx|json)$/.test(file))) {
        copyFileSync(join(weights, name), join(outDir, "models", name));
      }
    },
  };
}

export default defineConfig(({ mode }) => {
  const standalone = mode === "standalone";
  const outDir = standalone ? join(root, "dist") : packaged;
  return {
    base: "./",
    define: { ORT_VERSION: JSON.stringify(versionOf(runtime)), C2PA_VERSION: JSON.stringify(versionOf(credentials)) },
    publicDir: false,
    resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "production"] },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    worker: { format: "es", plugins: () => [withoutBinary()] },
    plugins: [shipLibraries(), finish(outDir, standalone)],
    test: { include: ["test/**/*.test.ts"], environment: "node" },
  };
});
