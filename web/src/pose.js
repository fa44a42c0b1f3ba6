/** The poses of the people in one picture, and how they are saved. */

import { matrixOf } from "./geometry/camera.js";
import { roundHalfEven } from "./geometry/rounding.js";

/**
 * @typedef {object} Pose
 * @property {number} person Number of the person, from 1.
 * @property {number[][]} jointsMm (J, 3) mm, relative to the root.
 * @property {number[][]} jointsCameraMm (J, 3) mm: x right, y down, z away.
 * @property {[number, number][]} jointsPx (J, 2) px in the whole image.
 * @property {number[] | null} stdMm (J) mm.
 * @property {number[] | null} confidence (J) in [0, 1].
 * @property {import("./geometry/crop.js").Box} box
 * @property {string} boxFrom
 * @property {string} positionFrom
 *
 * @typedef {object} Poses
 * @property {import("./skeletons.js").Skeleton} skeleton
 * @property {Pose[]} people
 * @property {number} width px
 * @property {number} height px
 * @property {import("./geometry/camera.js").Intrinsics} intrinsics
 * @property {string} intrinsicsFrom
 * @property {{person: number, fault: string}[]} refused Why boxes have no
 *   pose.
 * @property {string[]} caveats As `docs/poses.schema.json` has them.
 */

/**
 * The poses of who is followed, without those of who is only looked for: they
 * may be of anybody.
 * @param {Poses} poses
 * @param {import("./prediction.js").Person[]} people
 * @returns {Poses}
 */
export function shownOf(poses, people) {
  const followed = people.filter(({ isLost }) => !isLost);
  const numbers = new Set(followed.map(({ person }) => person));
  return {
    ...poses,
    people: poses.people.filter(({ person }) => numbers.has(person)),
    refused: poses.refused.filter(({ person }) => numbers.has(person)),
    caveats: [
      ...poses.caveats,
      ...(followed.length < people.length ? ["lost"] : []),
    ],
  };
}

/**
 * The poses for a JSON file, as `Poses.to_dict` writes them in Python.
 * @param {Poses} poses
 */
export function toDict(poses) {
  return {
    skeleton: poses.skeleton.name,
    joints: poses.skeleton.joints,
    width_px: poses.width,
    height_px: poses.height,
    intrinsics_px: rounded(matrixOf(poses.intrinsics), 4),
    intrinsics_from: poses.intrinsicsFrom,
    distortion: [0, 0, 0, 0, 0],
    people: poses.people.map((pose) => ({
      person: pose.person,
      joints_root_relative_mm: rounded(pose.jointsMm, 3),
      joints_camera_mm: rounded(pose.jointsCameraMm, 3),
      joints_image_px: rounded(pose.jointsPx, 3),
      std_mm: rounded(pose.stdMm, 3),
      confidence: rounded(pose.confidence, 5),
      box_px: rounded(pose.box, 3),
      box_from: pose.boxFrom,
      position_from: pose.positionFrom,
    })),
    caveats: poses.caveats,
  };
}

/**
 * @param {any} value A number, an array of such, or null.
 * @param {number} decimals
 * @returns {any}
 */
function rounded(value, decimals) {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((v) => rounded(v, decimals));
  const scale = 10 ** decimals;
  return roundHalfEven(value * scale) / scale;
}
