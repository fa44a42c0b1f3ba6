/** A network in its worker: crops in, unit coordinates out. */

import { loadAndCompile, Tensor } from "@litertjs/core";

import { fixShapes } from "./fixed_shapes.js";

const SIGNATURE = "serving_default";
const INPUT = "image";

// How far the graphics processor's answer may be from the processor's, as a
// share of the volume: a millimetre of two metres.
const GPU_TOLERANCE = 5e-4;

/**
 * @typedef {object} Outputs
 * @property {number[][]} pose (J, 3) unit coordinates.
 * @property {number[][] | null} std (J, 3), or null without heatmaps.
 * @property {number[] | null} confidence (J), or null without heatmaps.
 */

export class Network {
  /**
   * @param {import("@litertjs/core").CompiledModel} compiled
   * @param {import("./spec.js").PoseSpec} spec
   */
  constructor(compiled, spec) {
    this.compiled = compiled;
    this.spec = spec;
  }

  /**
   * Compiles a network, by the runtime that was loaded for the processor.
   * @param {{spec: import("./spec.js").PoseSpec, model: Uint8Array}} file As of
   *   `openModelFile`; its model is changed.
   * @param {import("./runtime.js").Processor} processor
   * @returns {Promise<Network>}
   * @throws {Error} What is wrong with it.
   */
  static async load({ spec, model }, processor) {
    fixShapes(model);
    const cpu = await loadAndCompile(model, { accelerator: "wasm" });
    const network = new Network(cpu, spec);
    network.checkInput();
    if (processor === "cpu") return network;
    const gpu = await loadAndCompile(model, {
      accelerator: "webgpu",
      gpuOptions: { precision: "fp32" },
    });
    const other = new Network(gpu, spec);
    await checkAgreement(network, other);
    cpu.delete();
    return other;
  }

  /** Refuses a network that takes something else than its spec says. */
  checkInput() {
    const { inputSize } = this.spec;
    const inputs = this.signature().getInputDetails();
    const shape = [1, inputSize, inputSize, 3];
    const found = inputs.map(
      ({ name, dtype, shape }) => `${name} ${dtype} ${Array.from(shape)}`,
    );
    if (found.join() !== `${INPUT} uint8 ${shape}`) {
      throw new Error(
        `it must take ${INPUT} uint8 ${shape}, and takes ${found.join("; ")}.`,
      );
    }
  }

  /** @returns {import("@litertjs/core").SignatureRunner} */
  signature() {
    const runner = this.compiled.signatures[SIGNATURE];
    if (runner === undefined) {
      throw new Error(`it has no signature ${SIGNATURE}.`);
    }
    return runner;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} crop (S, S, 3) RGB.
   * @returns {Promise<Outputs>}
   */
  async predict(crop) {
    const side = this.spec.inputSize;
    const input = Tensor.fromTypedArray(crop, [1, side, side, 3]);
    try {
      const outputs = await this.signature().run({ [INPUT]: input });
      const numbers = await taken(outputs);
      return {
        pose: rowsOf(numbers.pose),
        std: "std" in numbers ? rowsOf(numbers.std) : null,
        confidence: numbers.confidence ?? null,
      };
    } finally {
      input.delete();
    }
  }
}

/**
 * Copies outputs out of the runtime's memory, and gives that back.
 * @param {Record<string, Tensor>} outputs
 * @returns {Promise<Record<string, number[]>>}
 */
async function taken(outputs) {
  /** @type {Record<string, number[]>} */
  const numbers = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    numbers[name] = Array.from(await tensor.data());
    tensor.delete();
  }
  return numbers;
}

/**
 * @param {number[]} numbers (J * 3)
 * @returns {number[][]} (J, 3)
 */
function rowsOf(numbers) {
  return Array.from({ length: numbers.length / 3 }, (_, row) =>
    numbers.slice(3 * row, 3 * row + 3),
  );
}

/**
 * Refuses a graphics processor whose answer is another one.
 * @param {Network} network
 * @param {Network} other
 */
async function checkAgreement(network, other) {
  const side = network.spec.inputSize;
  // A slope of all colours: any picture shows whether two processors agree.
  const crop = Uint8Array.from(
    { length: side * side * 3 },
    (_, i) => ((i % (side * 3)) + ((i / (side * 3)) | 0)) % 256,
  );
  const [expected, found] = [
    await network.predict(crop),
    await other.predict(crop),
  ];
  const apart = Math.max(
    ...expected.pose.flatMap((joint, row) =>
      joint.map((v, axis) => Math.abs(v - found.pose[row][axis])),
    ),
  );
  if (!(apart <= GPU_TOLERANCE)) {
    throw new Error(
      "the graphics processor computes another pose than the processor. " +
        "Choose the processor.",
    );
  }
}
