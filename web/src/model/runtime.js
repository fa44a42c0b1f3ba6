/**
 * The runtime that computes networks: LiteRT.js, as WebAssembly.
 *
 * A page can hold one runtime at a time, and which one depends on where the
 * network runs: with threads for the CPU where the page may use them, or with
 * JavaScript's promises for the graphics processor.
 */

import { loadLiteRt, supportsFeature, unloadLiteRt } from "@litertjs/core";

/**
 * @typedef {"cpu" | "gpu"} Processor
 */

/** @type {string | null} */
let loaded = null;

/**
 * Loads the runtime for a processor, in place of another one.
 * @param {Processor} processor
 * @returns {Promise<string>} What it computes with, for the user.
 */
export async function loadRuntime(processor) {
  const hasThreads =
    self.crossOriginIsolated && (await supportsFeature("relaxedSimd"));
  const options =
    processor === "gpu" ? { jspi: true } : { threads: hasThreads };
  const wanted = JSON.stringify(options);
  if (loaded !== wanted) {
    if (loaded !== null) unloadLiteRt();
    loaded = null;
    await loadLiteRt(new URL("wasm/", document.baseURI).href, options);
    loaded = wanted;
  }
  if (processor === "gpu") return "graphics processor (WebGPU)";
  const threads = navigator.hardwareConcurrency;
  return hasThreads ? `processor, ${threads} threads` : "processor, 1 thread";
}

/** Whether this browser can compute on its graphics processor. */
export async function hasGpu() {
  if (!("gpu" in navigator) || !(await supportsFeature("jspi"))) return false;
  const gpu = /** @type {{requestAdapter(): Promise<unknown>}} */ (
    navigator.gpu
  );
  return (await gpu.requestAdapter()) !== null;
}
