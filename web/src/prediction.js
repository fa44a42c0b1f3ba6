/** From a picture and boxes to the poses of the people in it. */

import { cropFromImage } from "./geometry/crop.js";
import { locate } from "./geometry/location.js";
import { faultOfBox, faultOfPose } from "./geometry/rules.js";
import { unitMm } from "./geometry/volume.js";
import { cropImage } from "./image/cropping.js";

/**
 * @typedef {{box: import("./geometry/crop.js").Box, person: number,
 *   boxFrom: string, isLost?: boolean}} Person Who is followed, or was and is
 *   looked for, and where.
 * @typedef {{intrinsics: import("./geometry/camera.js").Intrinsics,
 *   from: string}} Camera
 * @typedef {{spec: import("./model/spec.js").PoseSpec, predict: (crop:
 *   Uint8Array<ArrayBuffer>) => Promise<import("./model/network.js").Outputs>}} Predicts
 */

/**
 * Predicts the pose in each box.
 * @param {Predicts} network
 * @param {import("./image/cropping.js").Picture} picture
 * @param {Person[]} people
 * @param {Camera} camera
 * @returns {Promise<{poses: import("./pose.js").Poses, networkMs: number}>}
 *   `networkMs` is the time that the network took for all of them.
 */
export async function predict(network, picture, people, camera) {
  const { spec } = network;
  const { intrinsics } = camera;
  const refused = [];
  const found = [];
  let networkMs = 0;
  for (const { box, person, boxFrom } of people) {
    const fault = faultOfBox(box, picture.width, picture.height);
    if (fault !== null) {
      refused.push({ person, fault });
      continue;
    }
    const crop = cropFromImage(box, spec.inputSize, spec.boxMargin);
    const pixels = cropImage(picture, crop, spec.inputSize);
    const start = performance.now();
    const outputs = await network.predict(pixels);
    networkMs += performance.now() - start;
    const place = locate(spec, outputs.pose, crop, intrinsics, box);
    const faultOfPlace = faultOfPose(place.jointsCameraMm);
    if (faultOfPlace !== null) {
      refused.push({ person, fault: faultOfPlace });
      continue;
    }
    found.push({
      person,
      jointsMm: place.jointsMm,
      jointsCameraMm: place.jointsCameraMm,
      jointsPx: place.jointsPx,
      stdMm: stdMm(outputs.std, unitMm(spec.volume, place.view)),
      confidence: outputs.confidence,
      box,
      boxFrom,
      positionFrom: place.positionFrom,
    });
  }
  const poses = {
    skeleton: spec.skeleton,
    people: found,
    width: picture.width,
    height: picture.height,
    intrinsics,
    intrinsicsFrom: camera.from,
    refused,
    caveats: camera.from.startsWith("a guess") ? ["camera_guessed"] : [],
  };
  return { poses, networkMs };
}

/**
 * @param {number[][] | null} std (J, 3) unit coordinates.
 * @param {number[]} unit mm
 * @returns {number[] | null} (J) mm
 */
function stdMm(std, unit) {
  return (
    std?.map((joint) =>
      Math.hypot(...joint.map((v, axis) => v * unit[axis])),
    ) ?? null
  );
}
