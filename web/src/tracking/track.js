/**
 * One person who is followed, by the rules and the numbers of
 * `keras_pose/people/track.py`: the box of the next frame is that of the last
 * pose's joints, without what is known to be wrong with it, moved on at the
 * person's velocity; and a pose that cannot be is not believed.
 */

import {
  enlarged,
  longerSide,
  middleOf,
  shifted,
  tightBox,
} from "../geometry/boxes.js";
import { hasJumped, isAtBorder, isOutside } from "./doubts.js";
import settings from "./settings.json" with { type: "json" };

const { FALLING, LEAST_OF_LEVEL, MOST_EXCESS, MOST_OFFSET, NEW_SHARE } =
  settings.track;
const {
  CONFIDENCE_S,
  FIRM_S,
  GROWING_S,
  LONGEST_MOTION_S,
  SHRINKING_S,
  VELOCITY_S,
} = settings.timing;

/** How boxes say where they are from. */
export const WHOLE = "the whole image";
export const GIVEN = "given";
export const FOLLOWED = "followed";

// Python begins with a tight box, the page also with the whole picture, which
// tells nothing of the joints' box. Joints lie inside the body: it is taken to
// be short by this, and must have this share of the picture's longer side.
const USUAL_EXCESS = Math.log(1.2);
const LEAST_SIDE = 0.06;

/** @typedef {import("../geometry/boxes.js").Box} Box */

export class Track {
  /**
   * @param {Box} box
   * @param {number} timeS
   * @param {string} boxFrom
   */
  constructor(box, timeS, boxFrom) {
    this.shown = box; // the last that the page was given
    this.box = box; // the last that is believed
    this.boxFrom = boxFrom;
    this.timeS = timeS; // of the box
    this.wellS = timeS; // when there last was no doubt
    this.wellFromS = timeS; // and since when there was none
    this.firm = box; // the last that was no passing mistake
    this.isGiven = boxFrom === GIVEN; // whether the user drew a box for them
    this.isInDoubt = false;
    this.isLost = false; // whether they are only looked for
    /** @type {[number, number]} */
    this.velocity = [0, 0]; // px/s
    /** @type {number | null} */
    this.level = null; // running mean of the confidence
    // Of the person's box from the joints': its middle in longer sides, and the
    // logarithm of its size. Null before the first pose.
    /** @type {number[] | null} */
    this.bias = boxFrom === WHOLE ? [0, 0, USUAL_EXCESS] : null;
  }

  /** Goes on in another part of the video. @param {number} timeS */
  goOnAt(timeS) {
    this.timeS = this.wellS = this.wellFromS = timeS;
    this.velocity = [0, 0];
    if (this.isLost) return; // and still looked for
    this.isInDoubt = false;
    this.level = null;
    this.firm = this.box;
  }

  /** Returns to where the person was for sure, and stays there. */
  goBack() {
    this.box = this.firm;
    this.velocity = [0, 0];
  }

  /** Where the box is expected. @param {number} timeS @returns {Box} */
  boxAt(timeS) {
    const sinceS = Math.min(timeS - this.timeS, LONGEST_MOTION_S);
    return shifted(this.box, [
      this.velocity[0] * sinceS,
      this.velocity[1] * sinceS,
    ]);
  }

  /**
   * Takes over what came out, unless it is not to be believed.
   * @param {import("../pose.js").Pose | undefined} pose
   * @param {Box} used That it was predicted from.
   * @param {number} timeS
   * @param {{width: number, height: number}} picture
   * @param {number} leastOfLevel Of the confidence there was, that it needs.
   */
  learn(pose, used, timeS, picture, leastOfLevel = LEAST_OF_LEVEL) {
    const wasWell = !this.isInDoubt;
    this.isInDoubt = true;
    if (pose === undefined) return;
    const sinceS = timeS - this.timeS;
    const tight = tightBox(pose.jointsPx);
    this.learnBias(tight);
    let box = this.corrected(tight);
    const confidence = pose.confidence ? meanOf(pose.confidence) : null;
    const isWhole = this.boxFrom === WHOLE;
    const isElsewhere = isWhole
      ? longerSide(box) < LEAST_SIDE * Math.max(picture.width, picture.height)
      : hasJumped(box, used, sinceS);
    if (
      isElsewhere ||
      isOutside(box, picture) ||
      isAtBorder(pose.jointsPx, used) ||
      this.isUnsure(confidence, leastOfLevel)
    ) {
      return;
    }
    this.isInDoubt = false;
    if (!isWhole) {
      box = this.sized(box, sinceS);
      // Else it may be a jump, and to somebody else.
      if (sinceS > 0 && wasWell) this.learnVelocity(box, sinceS);
    }
    if (confidence !== null) this.learnLevel(confidence, sinceS);
    this.box = box;
    this.boxFrom = FOLLOWED;
    this.timeS = this.wellS = timeS;
    if (!wasWell) this.wellFromS = timeS;
    if (timeS - this.wellFromS >= FIRM_S) this.firm = box;
  }

  /** Compares the joints' box with the user's. @param {Box} tight */
  learnBias(tight) {
    if (this.boxFrom !== GIVEN) return;
    const side = longerSide(tight);
    const [there, here] = [middleOf(this.box), middleOf(tight)];
    const found = [
      ...[0, 1].map((axis) =>
        clipped((there[axis] - here[axis]) / side, -MOST_OFFSET, MOST_OFFSET),
      ),
      clipped(Math.log(longerSide(this.box) / side), 0, MOST_EXCESS),
    ];
    const old = this.bias ?? found;
    this.bias = old.map((v, row) => v + NEW_SHARE * (found[row] - v));
  }

  /** The joints' box without what is wrong with it. @param {Box} tight */
  corrected(tight) {
    if (this.bias === null) return tight;
    const [across, down, excess] = this.bias;
    const side = longerSide(tight);
    return enlarged(
      shifted(tight, [across * side, down * side]),
      Math.exp(excess),
    );
  }

  /**
   * With the size that it may have by now.
   * @param {Box} box
   * @param {number} sinceS
   */
  sized(box, sinceS) {
    const grown = Math.log(longerSide(box) / longerSide(this.box));
    const part = share(sinceS, grown > 0 ? GROWING_S : SHRINKING_S);
    return enlarged(box, Math.exp((part - 1) * grown));
  }

  /** @param {Box} box @param {number} sinceS */
  learnVelocity(box, sinceS) {
    const [here, there] = [middleOf(box), middleOf(this.box)];
    const part = share(sinceS, VELOCITY_S);
    const [across, down] = this.velocity.map(
      (v, axis) => v + part * ((here[axis] - there[axis]) / sinceS - v),
    );
    this.velocity = [across, down];
  }

  /** @param {number} confidence @param {number} sinceS */
  learnLevel(confidence, sinceS) {
    const level = this.level ?? confidence;
    // Down slowly, or it would follow a slow drift.
    const part =
      share(Math.max(sinceS, 0), CONFIDENCE_S) *
      (confidence < level ? FALLING : 1);
    this.level = level + part * (confidence - level);
  }

  /** @param {number | null} confidence @param {number} leastOfLevel */
  isUnsure(confidence, leastOfLevel) {
    if (confidence === null || this.level === null) return false;
    return !(confidence >= leastOfLevel * this.level);
  }
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
