/**
 * Why a pose is not believed, by the rules and the numbers of
 * `keras_pose/people/doubts.py`: a network sees a person in anything.
 */

import {
  distanceOf,
  longerSide,
  middleOf,
  shareInside,
} from "../geometry/boxes.js";
import settings from "./settings.json" with { type: "json" };

const {
  BORDER,
  LEAST_INSIDE,
  MOST_AT_BORDER,
  MOST_GROWN,
  MOST_GROWN_PER_S,
  MOST_MOVED,
  MOST_MOVED_PER_S,
} = settings.doubts;

/** @typedef {import("../geometry/boxes.js").Box} Box */

/** @param {Box} box @param {{width: number, height: number}} picture */
export function isOutside(box, picture) {
  return shareInside(box, picture) < LEAST_INSIDE;
}

/**
 * Whether a person has moved or grown by more than one can.
 * @param {Box} box
 * @param {Box} used In which they were looked for.
 * @param {number} sinceS From the last pose that was believed.
 */
export function hasJumped(box, used, sinceS) {
  const since = Math.min(Math.max(sinceS, 0), 1);
  const moved = distanceOf(box, used) / longerSide(used);
  const grown = Math.abs(Math.log(longerSide(box) / longerSide(used)));
  return (
    moved > MOST_MOVED + MOST_MOVED_PER_S * since ||
    grown > MOST_GROWN + MOST_GROWN_PER_S * since
  );
}

/**
 * Whether joints lie where a person has few: at the border of the crop.
 * @param {number[][]} jointsPx
 * @param {Box} used
 */
export function isAtBorder(jointsPx, used) {
  const [x, y] = middleOf(used);
  const reach = BORDER * longerSide(used);
  const outside = jointsPx.filter(
    (joint) =>
      Math.max(Math.abs(joint[0] + 0.5 - x), Math.abs(joint[1] + 0.5 - y)) >
      reach,
  );
  return outside.length / jointsPx.length > MOST_AT_BORDER;
}
