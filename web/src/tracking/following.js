/**
 * Where a person will be in the next frame.
 *
 * A box that is fed back as it comes drifts: weak networks draw joints to the
 * middle, and within a second theirs has shrunk to nothing. So the user's own
 * box tells what the joints' box is wrong by, sizes follow slowly, and a pose
 * that cannot be is not believed.
 */

/**
 * @typedef {import("../geometry/crop.js").Box} Box
 * @typedef {object} Track
 * @property {number} timeS Of the last pose that was believed.
 * @property {[number, number]} offset Of the person's box from the joints', in
 *   longer sides.
 * @property {number} excess Logarithm of how much longer it is.
 * @property {number | null} level Running mean of the confidence.
 */

// Joints lie inside the body. Of a person whom no box was drawn for, the joints'
// box is taken to be short by this.
const USUAL_EXCESS = Math.log(1.2);
const MOST_EXCESS = Math.log(1.5);
const MOST_OFFSET = 0.15;

// Seconds until most of a change of size is followed: sooner up than down,
// since a crop that is too large still shows the person.
const GROW_S = 0.3;
const SHRINK_S = 1;
const LEVEL_S = 2; // of the running mean

// What makes a pose doubtful.
const MOST_MOVED = 0.4; // of the box's longer side
const MOST_GROWN = Math.log(2);
const LEAST_OF_LEVEL = 0.6;
const LEAST_SIDE = 0.06; // of the picture's longer side
const LEAST_INSIDE = 0.3; // of the box, in the picture
const PATIENCE_S = 1;

export class Follower {
  constructor() {
    /** @type {Map<number, Track>} */
    this.tracks = new Map();
  }

  /**
   * The box to look in next.
   * @param {number} timeS Of the frame.
   * @param {import("../prediction.js").Person} person Who was looked for.
   * @param {import("../pose.js").Pose | undefined} pose What was found.
   * @param {{width: number, height: number}} picture
   * @returns {Box | null} Null where the person is lost.
   */
  next(timeS, person, pose, picture) {
    const known = this.tracks.get(person.person);
    const isAnew =
      known === undefined || person.boxFrom !== FOLLOWED || timeS < known.timeS;
    const track = isAnew ? begun(timeS, person, pose) : known;
    this.tracks.set(person.person, track);
    const box = pose && corrected(tightBox(pose.jointsPx), track);
    const confidence = pose?.confidence ? meanOf(pose.confidence) : null;
    const isLookedAtWhole = person.boxFrom === WHOLE;
    if (
      box === undefined ||
      !isInside(box, picture) ||
      (!isLookedAtWhole && !isNear(box, person.box)) ||
      isUnsure(confidence, track)
    ) {
      if (timeS - track.timeS <= PATIENCE_S) return person.box;
      this.tracks.delete(person.person);
      return null;
    }
    const sinceS = timeS - track.timeS;
    track.timeS = timeS;
    if (confidence !== null) {
      const level = track.level ?? confidence;
      track.level = level + share(sinceS, LEVEL_S) * (confidence - level);
    }
    return isLookedAtWhole ? box : sized(box, person.box, sinceS);
  }
}

/** How boxes say where they are from. */
export const WHOLE = "the whole image";
export const GIVEN = "given";
export const FOLLOWED = "the last pose";

/**
 * The box around joints.
 * @param {number[][]} jointsPx (J, 2) px
 * @returns {Box}
 */
export function tightBox(jointsPx) {
  const [xs, ys] = [0, 1].map((axis) => jointsPx.map((p) => p[axis]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return [left + 0.5, top + 0.5, Math.max(...xs) - left, Math.max(...ys) - top];
}

/**
 * @param {number} timeS
 * @param {import("../prediction.js").Person} person
 * @param {import("../pose.js").Pose | undefined} pose
 * @returns {Track}
 */
function begun(timeS, person, pose) {
  const track = {
    timeS,
    offset: /** @type {[number, number]} */ ([0, 0]),
    excess: USUAL_EXCESS,
    level: null,
  };
  if (person.boxFrom !== GIVEN || pose === undefined) return track;
  const tight = tightBox(pose.jointsPx);
  const side = longerSide(tight);
  const [there, here] = [middleOf(person.box), middleOf(tight)];
  const [across, down] = [0, 1].map((axis) =>
    clipped((there[axis] - here[axis]) / side, -MOST_OFFSET, MOST_OFFSET),
  );
  track.offset = [across, down];
  track.excess = clipped(
    Math.log(longerSide(person.box) / side),
    0,
    MOST_EXCESS,
  );
  return track;
}

/**
 * The person's box, by what is known to be wrong with the joints'.
 * @param {Box} tight
 * @param {Track} track
 * @returns {Box}
 */
function corrected(tight, { offset, excess }) {
  const side = longerSide(tight);
  const [x, y, width, height] = tight;
  return enlarged(
    [x + offset[0] * side, y + offset[1] * side, width, height],
    Math.exp(excess),
  );
}

/**
 * The box with the size that it may have by now.
 * @param {Box} box
 * @param {Box} last
 * @param {number} sinceS
 * @returns {Box}
 */
function sized(box, last, sinceS) {
  const grown = Math.log(longerSide(box) / longerSide(last));
  const followed = share(sinceS, grown > 0 ? GROW_S : SHRINK_S);
  return enlarged(box, Math.exp((followed - 1) * grown));
}

/** @param {Box} box @param {{width: number, height: number}} picture */
function isInside([x, y, width, height], picture) {
  const across = Math.min(x + width, picture.width) - Math.max(x, 0);
  const down = Math.min(y + height, picture.height) - Math.max(y, 0);
  const inside = Math.max(across, 0) * Math.max(down, 0);
  const least = LEAST_SIDE * Math.max(picture.width, picture.height);
  return (
    inside >= LEAST_INSIDE * width * height && Math.max(width, height) >= least
  );
}

/** @param {Box} box @param {Box} last */
function isNear(box, last) {
  const [here, there] = [middleOf(box), middleOf(last)];
  const moved = Math.hypot(here[0] - there[0], here[1] - there[1]);
  const grown = Math.log(longerSide(box) / longerSide(last));
  return (
    moved <= MOST_MOVED * longerSide(last) && Math.abs(grown) <= MOST_GROWN
  );
}

/** @param {number | null} confidence @param {Track} track */
function isUnsure(confidence, { level }) {
  return (
    confidence !== null && level !== null && confidence < LEAST_OF_LEVEL * level
  );
}

/**
 * A box about the same middle.
 * @param {Box} box
 * @param {number} factor
 * @returns {Box}
 */
function enlarged(box, factor) {
  const [x, y] = middleOf(box);
  const [width, height] = [box[2] * factor, box[3] * factor];
  return [x - width / 2, y - height / 2, width, height];
}

/** @param {Box} box @returns {[number, number]} */
function middleOf([x, y, width, height]) {
  return [x + width / 2, y + height / 2];
}

/** @param {Box} box */
function longerSide(box) {
  return Math.max(box[2], box[3]);
}

/**
 * How much of a change is followed after a time.
 * @param {number} sinceS
 * @param {number} constantS
 */
function share(sinceS, constantS) {
  return 1 - Math.exp(-sinceS / constantS);
}

/** @param {number} value @param {number} low @param {number} high */
function clipped(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** @param {number[]} values */
function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
