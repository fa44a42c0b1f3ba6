/** From a network's unit coordinates to joints in mm before the camera. */

import { imageFromCamera, rayFromImage } from "./camera.js";
import { rootDepthFromBoneLengths, rootFromBox } from "./placement.js";
import { decode, depthBehindRoot, imagePoints } from "./volume.js";

/**
 * @typedef {object} Location
 * @property {number[][]} jointsMm (J, 3) mm, relative to the root.
 * @property {number[][]} jointsCameraMm (J, 3) mm, camera frame.
 * @property {[number, number][]} jointsPx (J, 2) px in the whole image.
 * @property {import("./volume.js").View} view With the root depth of the pose.
 * @property {string} positionFrom How the person's place was found.
 */

/**
 * Places a pose in front of the camera.
 *
 * The metric volume knows the size: its pose stands where it fills its box. The
 * crop volume knows the pixels: its pose stands where its bones have the mean
 * length of the training set.
 * @param {import("../model/spec.js").PoseSpec} spec
 * @param {number[][]} pose (J, 3) unit coordinates.
 * @param {import("./crop.js").Crop} crop
 * @param {import("./camera.js").Intrinsics} intrinsics
 * @param {import("./crop.js").Box} box Tight on the person.
 * @returns {Location}
 */
export function locate(spec, pose, crop, intrinsics, box) {
  const { volume, skeleton } = spec;
  let view = { crop, intrinsics, rootDepth: 0 };
  let joints;
  let positionFrom;
  if (volume.kind === "metric") {
    const relative = relativeTo(decode(volume, pose, view), skeleton.root);
    const place = rootFromBox(relative, box, intrinsics);
    joints = relative.map((joint) => joint.map((v, axis) => v + place[axis]));
    view = { ...view, rootDepth: place[2] };
    positionFrom = "the pose fills its box";
  } else {
    const rootDepth = rootDepthFromBoneLengths(
      imagePoints(volume, pose, view).map((p) => rayFromImage(p, intrinsics)),
      pose.map((joint) => depthBehindRoot(volume, joint)),
      skeleton.bones,
      spec.boneLengthsMm,
    );
    view = { ...view, rootDepth };
    joints = decode(volume, pose, view);
    positionFrom = "mean bone lengths of the training set";
  }
  return {
    jointsMm: relativeTo(joints, skeleton.root),
    jointsCameraMm: joints,
    jointsPx: joints.map((joint) => imageFromCamera(joint, intrinsics)),
    view,
    positionFrom,
  };
}

/**
 * Joints relative to one of them.
 * @param {number[][]} joints (J, 3)
 * @param {number} root
 * @returns {number[][]}
 */
function relativeTo(joints, root) {
  return joints.map((joint) => joint.map((v, axis) => v - joints[root][axis]));
}
