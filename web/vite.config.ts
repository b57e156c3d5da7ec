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
const runtime = join(root, "node_modules/onnxruntime-web/dist");
const { version } = JSON.parse(readFileSync(join(runtime, "../package.json"), "utf8")) as { version: string };

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

/** ONNX Runtime's one variant that is used, packed, since its 14 MB travel in the Python package. */
function shipRuntime(): Plugin {
  return {
    name: "ship-runtime",
    generateBundle() {
      const wasm = gzipSync(readFileSync(join(runtime, "ort-wasm-simd-threaded.wasm")), { level: 9 });
      wasm[9] = 255; // the operating system, which does not matter
      this.emitFile({ type: "asset", fileName: `ort/${version}/ort-wasm.gz`, source: wasm });
      const glue = readFileSync(join(runtime, "ort-wasm-simd-threaded.mjs"));
      this.emitFile({ type: "asset", fileName: `ort/${version}/ort-wasm.mjs`, source: glue });
      const licences = readFileSync(join(root, "THIRD_PARTY.md"));
      this.emitFile({ type: "asset", fileName: "THIRD_PARTY.md", source: licences });
    },
  };
}

/** Say what the bundle was built from, and put the model beside a bundle that is served on its own. */
function finish(outDir: string, standalone: boolean): Plugin {
  return {
    name: "finish",
    closeBundle() {
      const paths = filesBelow(outDir).filter((path) => !path.endsWith("BUILD.json")).sort();
      const files = Object.fromEntries(paths.map((path) => [slashes(relative(outDir, path)), sha256(readFileSync(path))]));
      writeFileSync(join(outDir, "BUILD.json"), `${JSON.stringify({ source: sourceHash(), files }, null, 1)}\n`);
      if (!standalone || !existsSync(weights)) return;
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
    define: { ORT_VERSION: JSON.stringify(version) },
    publicDir: false,
    resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "production"] },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    worker: { format: "es" },
    plugins: [shipRuntime(), finish(outDir, standalone)],
    test: { include: ["test/**/*.test.ts"], environment: "node" },
  };
});
