/** LiteRT.js, the runtime that computes networks, as WebAssembly in a worker. */

import { loadLiteRt, supportsFeature } from "@litertjs/core";

/**
 * @typedef {"cpu" | "gpu"} Processor
 */

/**
 * Loads the runtime for a processor: with threads for the CPU where the page
 * may use them, with JavaScript's promises for the graphics processor.
 * @param {Processor} processor
 * @param {string} address Of the folder with the runtime's files.
 * @returns {Promise<string>} What it computes with, for the user.
 */
export async function loadRuntime(processor, address) {
  const isGpu = processor === "gpu";
  const mayHaveThreads = !isGpu && self.crossOriginIsolated;
  const hasThreads = mayHaveThreads && (await supportsFeature("relaxedSimd"));
  beReadyForScripts(address);
  await loadLiteRt(address, { threads: hasThreads, jspi: isGpu });
  if (isGpu) return "graphics processor (WebGPU)";
  const threads = hasThreads ? navigator.hardwareConcurrency : 1;
  return `processor, ${threads} ${threads === 1 ? "thread" : "threads"}`;
}

/**
 * Makes this a worker in which LiteRT.js can load its script, which it does by
 * `importScripts`: a worker that is a module has none. And since the script
 * takes the worker's own address for its own, it is told where its files are.
 * @param {string} address
 */
function beReadyForScripts(address) {
  const scope = /** @type {any} */ (self);
  scope.importScripts = (/** @type {string} */ url) => {
    scope.Module = {
      locateFile: (/** @type {string} */ name) => new URL(name, address).href,
      mainScriptUrlOrBlob: url, // its threads begin with it
    };
    const request = new XMLHttpRequest();
    request.open("GET", url, false);
    request.send();
    if (request.status !== 200) {
      throw new Error(`the server says ${request.status} of ${url}`);
    }
    (0, eval)(request.responseText); // as a script of the worker's own scope
  };
}
