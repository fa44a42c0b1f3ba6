/** A network in a worker, as the page sees it. */

import workerAddress from "../worker.js?worker&url";

/**
 * @typedef {import("../prediction.js").Person} Person
 * @typedef {import("../prediction.js").Camera} Camera
 * @typedef {import("../pose.js").Poses} Poses
 * @typedef {{resolve: (result: any) => void, reject: (error: Error) => void}}
 *   Waiting
 */

// A worker's script from the server would have no content policy: one that is
// made here has the page's.
const { href } = new URL(workerAddress, document.baseURI);
const SCRIPT = URL.createObjectURL(
  new Blob([`import ${JSON.stringify(href)};`], { type: "text/javascript" }),
);

const OUT_OF_MEMORY = /memory|allocat|OOM/i;
const MEMORY =
  "The network needs more memory than the browser has for it. Close other " +
  "pages and open it again, or open a smaller one.";

export class RemoteNetwork {
  /** @param {string} name Of the file. */
  constructor(name) {
    this.name = name;
    /** @type {import("../model/spec.js").PoseSpec | null} */
    this.spec = null;
    this.runsOn = "";
    /** @type {import("./pictures.js").Frame | null} */
    this.shown = null;
    this.asked = 0;
    /** @type {string | null} */
    this.ended = null;
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.worker = new Worker(SCRIPT, { type: "module" });
    this.worker.onmessage = ({ data }) => this.answer(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.close(event.message ?? "its thread could not begin");
    };
  }

  /**
   * Reads and checks a network's file.
   * @param {Blob} file
   * @throws {Error} A sentence for the user.
   */
  async open(file) {
    try {
      this.spec = await this.ask("open", [file]);
    } catch (error) {
      this.close();
      throw said(error);
    }
  }

  /**
   * Makes it ready to predict.
   * @param {import("../model/runtime.js").Processor} processor
   * @throws {Error} A sentence for the user.
   */
  async start(processor) {
    const runtime = new URL("wasm/", document.baseURI).href;
    try {
      this.runsOn = await this.ask("start", [processor, runtime]);
    } catch (error) {
      this.close();
      throw said(error, "The network does not run: ");
    }
  }

  /**
   * Predicts the poses in a frame. One at a time may be asked.
   * @param {import("./pictures.js").Frame} frame
   * @param {Person[]} people
   * @param {Camera} camera
   * @returns {Promise<{poses: Poses, networkMs: number}>}
   * @throws {Error} A sentence for the user; it predicts nothing any more.
   */
  async predict(frame, people, camera) {
    const isNew = frame !== this.shown;
    this.shown = frame;
    try {
      const bitmap = isNew ? await createImageBitmap(frame.image) : null;
      const given = bitmap === null ? [] : [bitmap];
      return await this.ask("predict", [bitmap, people, camera], given);
    } catch (error) {
      this.close();
      throw said(error, "Open the network again, it stopped: ");
    }
  }

  /**
   * Ends it at once, whatever it does, and gives back its memory.
   * @param {string} reason For whoever waits for an answer.
   */
  close(reason = "it was closed") {
    this.worker.terminate();
    this.ended ??= reason;
    for (const { reject } of this.waiting.values()) reject(new Error(reason));
    this.waiting.clear();
  }

  /**
   * @param {string} method Of the worker's `ANSWERS`.
   * @param {unknown[]} args
   * @param {Transferable[]} given What of them the page has no more.
   * @returns {Promise<any>}
   */
  ask(method, args, given = []) {
    if (this.ended !== null) return Promise.reject(new Error(this.ended));
    return new Promise((resolve, reject) => {
      const id = this.asked++;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, method, args }, given);
    });
  }

  /** @param {{id: number, result?: unknown, reason?: string}} answer */
  answer({ id, result, reason }) {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (reason === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(reason));
  }
}

/**
 * What went wrong in the worker, as a sentence.
 * @param {unknown} error
 * @param {string} lead
 */
function said(error, lead = "") {
  const reason = error instanceof Error ? error.message : String(error);
  const sentence = OUT_OF_MEMORY.test(reason) ? MEMORY : lead + reason;
  return new Error(sentence, { cause: error });
}

/** Whether this browser can compute on its graphics processor. */
export async function hasGpu() {
  if (!("gpu" in navigator) || !("Suspending" in WebAssembly)) return false;
  const gpu = /** @type {{requestAdapter(): Promise<unknown>}} */ (
    navigator.gpu
  );
  return (await gpu.requestAdapter()) !== null;
}
