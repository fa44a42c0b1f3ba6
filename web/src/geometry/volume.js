/**
 * What the unit coordinates of a network's heatmaps mean.
 *
 * A metric volume is a cube in mm around the root; a crop volume is the crop's
 * pixels and a slab of depth around the root.
 */

import { imageFromCrop } from "./crop.js";
import { rayFromImage } from "./camera.js";

/**
 * @typedef {{kind: "metric", sizeMm: number}
 *   | {kind: "crop", cropSize: number, depthMm: number}} Volume
 * @typedef {{crop: import("./crop.js").Crop,
 *   intrinsics: import("./camera.js").Intrinsics, rootDepth: number}} View How
 *   the camera sees a crop; the root's depth is in mm.
 */

/**
 * Joints in mm.
 * @param {Volume} volume
 * @param {number[][]} pose (J, 3) unit coordinates.
 * @param {View} view
 * @returns {number[][]} (J, 3) mm along the camera's axes: relative to the
 *   cube's centre, or in the camera frame for a crop volume.
 */
export function decode(volume, pose, view) {
  if (volume.kind === "metric") {
    return pose.map((joint) => joint.map((v) => (v - 0.5) * volume.sizeMm));
  }
  return imagePoints(volume, pose, view).map((point, joint) => {
    const depth = depthBehindRoot(volume, pose[joint]) + view.rootDepth;
    const [x, y] = rayFromImage(point, view.intrinsics);
    return [x * depth, y * depth, depth];
  });
}

/**
 * Pixels of a crop volume's joints in the whole image.
 * @param {Volume & {kind: "crop"}} volume
 * @param {number[][]} pose (J, 3) unit coordinates.
 * @param {View} view
 * @returns {[number, number][]} (J, 2) px
 */
export function imagePoints(volume, pose, view) {
  return pose.map(([x, y]) =>
    imageFromCrop(view.crop, [
      x * volume.cropSize - 0.5,
      y * volume.cropSize - 0.5,
    ]),
  );
}

/**
 * How far a joint of a crop volume is behind the root.
 * @param {Volume & {kind: "crop"}} volume
 * @param {number[]} joint x, y, z unit coordinates.
 * @returns {number} mm
 */
export function depthBehindRoot(volume, joint) {
  return (joint[2] - 0.5) * volume.depthMm;
}

/**
 * Millimetres for each unit of x, y and z, at the root's depth.
 * @param {Volume} volume
 * @param {View} view
 * @returns {[number, number, number]}
 */
export function unitMm(volume, view) {
  if (volume.kind === "metric") {
    return [volume.sizeMm, volume.sizeMm, volume.sizeMm];
  }
  const sidePx = volume.cropSize / view.crop.zoom;
  const side = (sidePx / view.intrinsics.focal) * view.rootDepth;
  return [side, side, volume.depthMm];
}
