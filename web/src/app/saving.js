/** Files that the user takes home. */

import { drawPoses } from "../drawing/overlay.js";
import { toDict } from "../pose.js";
import header from "./recording_header.json" with { type: "json" };

/** Poses of all frames, as text: a tenth of the memory of the numbers. */
export class Recording {
  /**
   * @param {string} model Name of the network's file.
   * @param {"photos" | "video" | "camera"} kind
   */
  constructor(model, kind) {
    this.model = model;
    this.kind = kind;
    /** @type {Map<string, {timeS: number, text: string}>} */
    this.frames = new Map();
    /** @type {import("../skeletons.js").Skeleton | null} */
    this.skeleton = null;
  }

  /**
   * Adds a frame, or replaces the one of the same name.
   * @param {string} name
   * @param {number | null} timeS Null for a photo.
   * @param {import("../pose.js").Poses} poses
   */
  add(name, timeS, poses) {
    this.skeleton = poses.skeleton;
    const frame = { name, time_s: timeS, ...toDict(poses) };
    this.frames.set(name, { timeS: timeS ?? 0, text: JSON.stringify(frame) });
  }

  /** @returns {Blob} A JSON file, as `docs/poses.schema.json` describes it. */
  toFile() {
    // A user may have gone back and forth in the video.
    const frames = [...this.frames.values()]
      .sort((a, b) => a.timeS - b.timeS)
      .map(({ text }) => text);
    const { model, kind } = this;
    const { name, joints, parents, root } = this.skeleton ?? {};
    const head = {
      ...header,
      model,
      kind,
      frames_per_second: null, // a browser does not say
      skeleton: { name, joints, parents, root },
    };
    const start = `${JSON.stringify(head).slice(0, -1)},"frames":[\n`;
    return new Blob([start, frames.join(",\n"), "\n]}\n"], {
      type: "application/json",
    });
  }
}

/**
 * The picture with its poses, as large as it is.
 * @param {import("./pictures.js").Frame} frame
 * @param {import("../pose.js").Poses} poses
 * @returns {Promise<Blob>} PNG
 */
export async function drawn(frame, poses) {
  const canvas = new OffscreenCanvas(frame.width, frame.height);
  const context = /** @type {any} */ (canvas.getContext("2d"));
  context.drawImage(frame.image, 0, 0);
  drawPoses(context, poses);
  return canvas.convertToBlob({ type: "image/png" });
}

/**
 * Hands a file to the user.
 * @param {Blob} file
 * @param {string} name
 */
export function download(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The download begins after this task.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * A file's name without its extension.
 * @param {string} name
 * @returns {string}
 */
export function stem(name) {
  return name.replace(/\.[^.]*$/, "") || "pose";
}
