/**
 * Two who are followed on one person, by the rules and the numbers of
 * `keras_pose/people/doubles.py`: who was going elsewhere when the two met is
 * let go, and goes on there.
 */

import {
  distanceOf,
  iouOf,
  longerSide,
  middleOf,
  shifted,
} from "../geometry/boxes.js";
import settings from "./settings.json" with { type: "json" };

const { LEAST_DIFFERENCE, LEAST_IOU, MOST_APART } = settings.doubles;
const { COURSE_S, DOUBLE_S } = settings.timing;

/**
 * @typedef {import("../geometry/boxes.js").Box} Box
 * @typedef {import("./track.js").Track} Track
 * @typedef {{box: Box, velocity: [number, number]}} Course
 * @typedef {[number, number[][], Track]} Seen Number, joints and track of a
 *   person who has a pose in this frame.
 */

export class Doubles {
  constructor() {
    /** @type {Map<string, {sinceS: number, courses: Course[]}>} */
    this.met = new Map();
  }

  /**
   * Finds who is to be let go.
   * @param {Seen[]} seen
   * @param {number} timeS
   * @returns {number[]} Their numbers; their tracks are moved to where they
   *   were going.
   */
  find(seen, timeS) {
    const met = new Map();
    /** @type {number[]} */
    const found = [];
    for (const [first, second] of pairsOf(seen)) {
      if (!areOne(first, second)) continue;
      const pair = [first, second];
      const key = pair.map(([person]) => person).join();
      const courses = pair.map(([, , { box, velocity }]) => ({
        box,
        velocity,
      }));
      const meeting = this.met.get(key) ?? { sinceS: timeS, courses };
      met.set(key, meeting);
      const lastedS = timeS - meeting.sinceS;
      const isOpen = !pair.some(([person]) => found.includes(person));
      if (lastedS >= DOUBLE_S && isOpen) {
        found.push(letGo(pair, meeting.courses, lastedS, timeS));
      }
    }
    this.met = met;
    return found;
  }
}

/** @param {Seen[]} seen */
function pairsOf(seen) {
  return seen.flatMap((first, row) =>
    seen.slice(row + 1).map((second) => [first, second]),
  );
}

/** @param {Seen} first @param {Seen} second */
function areOne([, joints, track], [, otherJoints, other]) {
  const apart = joints.map(([x, y], row) =>
    Math.hypot(x - otherJoints[row][0], y - otherJoints[row][1]),
  );
  const mean = apart.reduce((sum, v) => sum + v, 0) / apart.length;
  return (
    iouOf(track.box, other.box) >= LEAST_IOU &&
    mean < MOST_APART * longerSide(track.box)
  );
}

/**
 * Moves on who of two it is, and returns their number.
 * @param {Seen[]} pair
 * @param {Course[]} courses
 * @param {number} lastedS
 * @param {number} timeS
 */
function letGo(pair, courses, lastedS, timeS) {
  const goneS = Math.min(lastedS, COURSE_S);
  const led = courses.map(({ box, velocity }) =>
    shifted(box, [velocity[0] * goneS, velocity[1] * goneS]),
  );
  const index = indexOf(pair, led);
  const [person, , track] = pair[index];
  const [here, there] = [middleOf(track.box), middleOf(led[index])];
  track.box = shifted(track.box, [there[0] - here[0], there[1] - here[1]]);
  track.velocity = courses[index].velocity;
  track.timeS = timeS;
  return person;
}

/**
 * Which of two it is: whom no box was drawn for, or who is farther from where
 * they were going; the younger where that does not tell.
 * @param {Seen[]} pair
 * @param {Box[]} led Where their courses have led.
 */
function indexOf([[number, , first], [otherNumber, , second]], led) {
  if (first.isGiven !== second.isGiven) return first.isGiven ? 1 : 0;
  const away = distanceOf(led[0], first.box) - distanceOf(led[1], second.box);
  if (Math.abs(away) > LEAST_DIFFERENCE * longerSide(first.box)) {
    return away > 0 ? 0 : 1;
  }
  return number > otherNumber ? 0 : 1;
}
