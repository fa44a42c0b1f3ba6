/** What a network's numbers mean, as the file itself says. */

import { SKELETONS } from "../skeletons.js";
import { readArchive, text } from "./archive.js";

const SPEC = "pose_spec.json";
const CHECKSUM = "SHA256SUMS";

/**
 * @typedef {object} PoseSpec
 * @property {import("../skeletons.js").Skeleton} skeleton
 * @property {import("../geometry/volume.js").Volume} volume
 * @property {number} inputSize Side of the network's square input, px.
 * @property {number} boxMargin Side of the crop over a box's longer side.
 * @property {number[]} boneLengthsMm Each joint's to its parent, 0 where it is
 *   not known.
 */

/**
 * Opens a `.tflite` file of this project.
 * @param {Uint8Array<ArrayBuffer>} bytes The whole file.
 * @returns {Promise<{spec: PoseSpec, model: Uint8Array}>} `model` is the
 *   network's own part of the bytes.
 * @throws {Error} A sentence for the user.
 */
export async function openModelFile(bytes) {
  try {
    const { start, members } = readArchive(bytes);
    const model = bytes.subarray(0, start);
    if ((await sha256(model)) !== text(memberOf(members, CHECKSUM))) {
      throw new Error("it does not fit its checksum");
    }
    return { spec: parseSpec(text(memberOf(members, SPEC))), model };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`This is no whole .tflite file of export.py: ${reason}.`, {
      cause: error,
    });
  }
}

/**
 * @param {Map<string, Uint8Array>} members
 * @param {string} name
 */
function memberOf(members, name) {
  const member = members.get(name);
  if (member === undefined) throw new Error(`it does not hold ${name}`);
  return member;
}

/**
 * Reads a PoseSpec, by the rules of `PoseSpec.from_json` in Python.
 * @param {string} json
 * @returns {PoseSpec}
 * @throws {Error} It is none, or one that this page cannot use.
 */
export function parseSpec(json) {
  const content = JSON.parse(json);
  const skeleton = Object.hasOwn(SKELETONS, content.skeleton)
    ? SKELETONS[content.skeleton]
    : undefined;
  if (skeleton === undefined) {
    throw new Error(`its skeleton is unknown: ${content.skeleton}`);
  }
  if (JSON.stringify(content.joints) !== JSON.stringify(skeleton.joints)) {
    throw new Error(`its joints are not those of ${skeleton.name}`);
  }
  if (skeleton.root < 0) {
    throw new Error(`its skeleton ${skeleton.name} has no root`);
  }
  const lengths = content.bone_lengths_mm;
  if (
    !Array.isArray(lengths) ||
    lengths.length !== skeleton.joints.length ||
    !lengths.every(Number.isFinite)
  ) {
    throw new Error("its bone lengths are not one for each joint");
  }
  const volume = parseVolume(content.volume ?? {});
  const known = skeleton.bones.some(([, child]) => lengths[child] > 0);
  if (volume.kind === "crop" && !known) {
    throw new Error(
      "it holds no bone lengths, and nothing else tells a crop volume how " +
        "far away people are",
    );
  }
  const inputSize = positive("input_size", content.input_size);
  if (!Number.isInteger(inputSize)) {
    throw new Error(`its input_size is no whole number: ${inputSize}`);
  }
  return {
    skeleton,
    volume,
    inputSize,
    boxMargin: positive("box_margin", content.box_margin),
    boneLengthsMm: lengths,
  };
}

/**
 * @param {Record<string, unknown>} volume
 * @returns {import("../geometry/volume.js").Volume}
 */
function parseVolume(volume) {
  if (volume.kind === "metric") {
    return { kind: "metric", sizeMm: positive("size_mm", volume.size_mm) };
  }
  if (volume.kind === "crop") {
    return {
      kind: "crop",
      cropSize: positive("crop_size", volume.crop_size),
      depthMm: positive("depth_mm", volume.depth_mm),
    };
  }
  throw new Error(`its volume is of an unknown kind: ${volume.kind}`);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
function positive(name, value) {
  if (typeof value !== "number" || !(value > 0 && value < Infinity)) {
    throw new Error(`its ${name} is no positive number: ${value}`);
  }
  return value;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) {
    throw new Error(
      "the browser checks files only on pages that came over https or from " +
        "localhost",
    );
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
