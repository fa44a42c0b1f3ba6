/** How the page is served and built. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { defineConfig } from "vite";

const ROOT = import.meta.dirname;
const RUNTIME = join(ROOT, "node_modules/@litertjs/core/wasm");
const MODELS = join(ROOT, "public/models");

// Threads need both; `web/README.md` says how to have them elsewhere.
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

// Nothing but the page's own files is ever fetched, and nothing is sent. The
// runtime makes functions of text for its C++ classes, and its threads of blobs.
const POLICY = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-eval' blob:",
  "worker-src 'self' blob:",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
].join("; ");

/**
 * Puts the runtime's files beside the page.
 * @returns {import("vite").Plugin}
 */
function runtimeFiles() {
  const names = readdirSync(RUNTIME);
  return {
    name: "runtime-files",
    configureServer(server) {
      server.middlewares.use("/wasm/", (request, response, next) => {
        const name = (request.url ?? "").slice(1).split("?")[0];
        if (!names.includes(name)) return next();
        const type = name.endsWith(".wasm")
          ? "application/wasm"
          : "text/javascript";
        response.setHeaders(new Map(Object.entries(ISOLATION)));
        response.setHeader("Content-Type", type);
        response.end(readFileSync(join(RUNTIME, name)));
      });
    },
    generateBundle() {
      for (const name of names) {
        const source = readFileSync(join(RUNTIME, name));
        this.emitFile({ type: "asset", fileName: `wasm/${name}`, source });
      }
    },
  };
}

/**
 * Lists the networks in `public/models/`, since a static host cannot.
 * @returns {import("vite").Plugin}
 */
function modelList() {
  const list = () =>
    JSON.stringify(
      existsSync(MODELS)
        ? readdirSync(MODELS).filter((name) => name.endsWith(".tflite"))
        : [],
    );
  return {
    name: "model-list",
    configureServer(server) {
      server.middlewares.use("/models/index.json", (_, response) => {
        response.setHeader("Content-Type", "application/json");
        response.end(list());
      });
    },
    generateBundle() {
      const fileName = "models/index.json";
      this.emitFile({ type: "asset", fileName, source: list() });
    },
  };
}

/**
 * Lets the built page fetch and send nothing elsewhere.
 * @returns {import("vite").Plugin}
 */
function contentPolicy() {
  return {
    name: "content-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

export default defineConfig({
  root: ROOT,
  base: "./",
  appType: "mpa", // what is not there is 404
  build: { target: "es2023", chunkSizeWarningLimit: 1000 },
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  plugins: [runtimeFiles(), modelList(), contentPolicy()],
});
