/**
 * Poses of a video, steadied from frame to frame, as
 * `keras_pose/people/smoothing.py` does with the same numbers: the joints from
 * the root, the ray on which the root is seen, and how far along it.
 */

import { imageFromCamera } from "../geometry/camera.js";
import { OneEuroFilter } from "./one_euro.js";
import settings from "./settings.json" with { type: "json" };

const { beta, depth_share, gap_s, min_cutoff_hz, speed_cutoff_hz } =
  settings.smoothing;
const PLANE = { minCutoff: min_cutoff_hz, beta, speedCutoff: speed_cutoff_hz };
// One image says least about depth.
const DEPTH = {
  minCutoff: depth_share * min_cutoff_hz,
  beta: depth_share * beta,
  speedCutoff: speed_cutoff_hz,
};

export class Smoother {
  constructor() {
    /** @type {Map<number, ReturnType<typeof filtersFrom>>} */
    this.people = new Map();
  }

  /**
   * @param {number} timeS Of the frame.
   * @param {import("../pose.js").Poses} poses Not changed.
   * @returns {import("../pose.js").Poses}
   */
  smooth(timeS, poses) {
    const people = poses.people.map((pose) =>
      this.smoothPerson(timeS, pose, poses),
    );
    return { ...poses, people };
  }

  /**
   * @param {number} timeS
   * @param {import("../pose.js").Pose} pose
   * @param {import("../pose.js").Poses} poses
   * @returns {import("../pose.js").Pose}
   */
  smoothPerson(timeS, pose, { skeleton, intrinsics }) {
    const filters = this.filtersOf(pose.person, timeS);
    const plane = filters.plane.filter(
      timeS,
      pose.jointsMm.flatMap(([x, y]) => [x, y]),
    );
    const behind = filters.behind.filter(
      timeS,
      pose.jointsMm.map(([, , z]) => z),
    );
    const jointsMm = behind.map((z, row) => [
      plane[2 * row],
      plane[2 * row + 1],
      z,
    ]);
    const [x, y, far] = pose.jointsCameraMm[skeleton.root];
    // The logarithm: twice as far is as much for who is near and far. And along
    // the ray, so that nobody slides off the picture meanwhile.
    const [logarithm] = filters.depth.filter(timeS, [Math.log(far)], far);
    const ray = filters.ray.filter(timeS, [x / far, y / far], far);
    const depth = Math.exp(logarithm);
    const jointsCameraMm = jointsMm.map((joint) => [
      joint[0] + ray[0] * depth,
      joint[1] + ray[1] * depth,
      joint[2] + depth,
    ]);
    if (jointsCameraMm.some((joint) => joint[2] <= 0)) {
      this.people.delete(pose.person); // no camera sees it
      return pose;
    }
    const jointsPx = jointsCameraMm.map((joint) =>
      imageFromCamera(joint, intrinsics),
    );
    return { ...pose, jointsMm, jointsCameraMm, jointsPx };
  }

  /**
   * Those of a person, fresh after a gap, or where a video begins again.
   * @param {number} person
   * @param {number} timeS
   */
  filtersOf(person, timeS) {
    const known = this.people.get(person);
    const gapS = timeS - (known?.timeS ?? -Infinity);
    const filters = known && gapS >= 0 && gapS <= gap_s ? known : filtersFrom();
    filters.timeS = timeS;
    this.people.set(person, filters);
    return filters;
  }
}

function filtersFrom() {
  return {
    timeS: 0,
    plane: new OneEuroFilter(PLANE),
    behind: new OneEuroFilter(DEPTH),
    ray: new OneEuroFilter(PLANE),
    depth: new OneEuroFilter(DEPTH),
  };
}
