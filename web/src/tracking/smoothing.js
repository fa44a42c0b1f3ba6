/** Poses of a video, steadied from frame to frame. */

import { imageFromCamera } from "../geometry/camera.js";
import { OneEuroFilter } from "./one_euro.js";

// Joints of a quick hand move at 5 m/s, jitter at some 100 mm/s.
const OF_JOINTS = { minCutoff: 1.5, beta: 0.006, slopeCutoff: 1 };
// The root's depth is what one image tells least.
const OF_PLACE = { minCutoff: 1, beta: 0.003, slopeCutoff: 1 };
const OF_DEPTH = { minCutoff: 0.4, beta: 0.001, slopeCutoff: 1 };

const LONGEST_GAP_S = 1;

export class Smoother {
  constructor() {
    /** @type {Map<number, {timeS: number, joints: OneEuroFilter,
     *   place: OneEuroFilter, depth: OneEuroFilter}>} */
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
    let filters = this.people.get(pose.person);
    const gapS = timeS - (filters?.timeS ?? -Infinity);
    // Time goes back where a video begins again.
    if (filters === undefined || gapS < 0 || gapS > LONGEST_GAP_S) {
      filters = {
        timeS,
        joints: new OneEuroFilter(OF_JOINTS),
        place: new OneEuroFilter(OF_PLACE),
        depth: new OneEuroFilter(OF_DEPTH),
      };
      this.people.set(pose.person, filters);
    }
    filters.timeS = timeS;
    const flat = filters.joints.filter(timeS, pose.jointsMm.flat());
    const jointsMm = pose.jointsMm.map((_, row) =>
      flat.slice(3 * row, 3 * row + 3),
    );
    const [x, y, z] = pose.jointsCameraMm[skeleton.root];
    // On the ray the place is seen at, so that depth cannot pull it aside.
    const seen = filters.place.filter(timeS, [
      (x / z) * RAY_SCALE,
      (y / z) * RAY_SCALE,
    ]);
    const [depth] = filters.depth.filter(timeS, [z]);
    const root = [
      (seen[0] / RAY_SCALE) * depth,
      (seen[1] / RAY_SCALE) * depth,
      depth,
    ];
    const jointsCameraMm = jointsMm.map((joint) =>
      joint.map((v, axis) => v + root[axis]),
    );
    return {
      ...pose,
      jointsMm,
      jointsCameraMm,
      jointsPx: jointsCameraMm.map((joint) =>
        imageFromCamera(joint, intrinsics),
      ),
    };
  }
}

// Brings x / z to mm at an ordinary distance, for which the settings are made.
const RAY_SCALE = 3000;
