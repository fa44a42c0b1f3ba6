/**
 * Where networks run, apart from the page, so that the page stays quick to the
 * touch. A worker has one network, and ends with it: so its memory is freed.
 */

import { PictureBuffer } from "./image/buffer.js";
import { Network } from "./model/network.js";
import { loadRuntime } from "./model/runtime.js";
import { openModelFile } from "./model/spec.js";
import { predict } from "./prediction.js";

/** @type {Awaited<ReturnType<typeof openModelFile>> | null} */
let file = null;
/** @type {Network | null} */
let network = null;
/** @type {import("./image/cropping.js").Picture | null} */
let picture = null;
const buffer = new PictureBuffer();

/** What the page may ask, as `app/remote.js` says. */
const ANSWERS = {
  /** @param {Blob} blob */
  async open(blob) {
    file = await openModelFile(new Uint8Array(await blob.arrayBuffer()));
    return file.spec;
  },

  /**
   * @param {import("./model/runtime.js").Processor} processor
   * @param {string} address
   */
  async start(processor, address) {
    if (file === null) throw new Error("no file has been opened");
    const runsOn = await loadRuntime(processor, address);
    network = await Network.load(file, processor);
    file = null; // the runtime has a copy
    return runsOn;
  },

  /**
   * @param {ImageBitmap | null} bitmap Null where it is the last one again.
   * @param {import("./prediction.js").Person[]} people
   * @param {import("./prediction.js").Camera} camera
   */
  async predict(bitmap, people, camera) {
    if (bitmap !== null) {
      picture = buffer.take(bitmap);
      bitmap.close();
    }
    if (network === null || picture === null) {
      throw new Error("there is no network, or no picture");
    }
    return predict(network, picture, people, camera);
  },
};

self.onmessage = async ({ data: { id, method, args } }) => {
  try {
    const answer = /** @type {any} */ (ANSWERS)[method];
    self.postMessage({ id, result: await answer(...args) });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    self.postMessage({ id, reason });
  }
};
