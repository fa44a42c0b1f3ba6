/**
 * Where people will be in the next frame, as `keras_pose/people/following.py`
 * says it of people whose first boxes were given: without a detector. Who of
 * them is lost is looked for where they last were for sure, to the end; whom
 * the page itself found is let go.
 */

import { coverageOf, enlarged, iouOf, tightBox } from "../geometry/boxes.js";
import { Doubles } from "./doubles.js";
import settings from "./settings.json" with { type: "json" };
import { GIVEN, Track } from "./track.js";

const { LEAST_OF_LEVEL_AGAIN, TAKEN, WIDENED } = settings.following;
const { MOST_COVERAGE } = settings.roster;
const { PATIENCE_S } = settings.timing;

/**
 * @typedef {import("../geometry/boxes.js").Box} Box
 * @typedef {import("../pose.js").Pose} Pose
 * @typedef {import("../pose.js").Poses} Poses
 * @typedef {import("../prediction.js").Person} Person
 */

export class Follower {
  constructor() {
    /** @type {Map<number, Track>} */
    this.tracks = new Map();
    this.doubles = new Doubles();
    this.timeS = -Infinity;
    this.looks = 0;
  }

  /**
   * Where people are expected in a frame.
   * @param {Person[]} people The last that were returned, or as the user made
   *   them.
   * @param {number} timeS
   * @returns {Person[]} Without those who are let go.
   */
  look(people, timeS) {
    const isBack = timeS < this.timeS; // a video that begins again
    this.timeS = timeS;
    if (isBack) {
      this.doubles = new Doubles();
      for (const track of this.tracks.values()) track.goOnAt(timeS);
    }
    this.tracks = new Map(people.map((one) => [one.person, this.trackOf(one)]));
    this.giveUp();
    const factor = WIDENED[this.looks % WIDENED.length];
    this.looks += 1;
    return this.peopleIn((track) => {
      const box = track.boxAt(timeS);
      return track.isLost ? enlarged(box, factor) : box;
    });
  }

  /**
   * Takes over what was predicted from the last look.
   * @param {Poses} poses
   * @returns {Person[]} Without those who are let go.
   */
  learn(poses) {
    const found = new Map(poses.people.map((pose) => [pose.person, pose]));
    /** @type {import("./doubles.js").Seen[]} */
    const seen = [];
    for (const [person, track] of this.tracks) {
      if (track.isLost) continue;
      const pose = found.get(person);
      track.learn(pose, track.shown, this.timeS, poses);
      if (pose) seen.push([person, pose.jointsPx, track]);
    }
    for (const person of this.doubles.find(seen, this.timeS)) {
      this.letGo(person);
    }
    for (const [person, track] of this.tracks) {
      if (track.isLost) this.findAgain(track, found.get(person), poses);
    }
    return this.peopleIn((track) => track.box);
  }

  /**
   * Whether a box that the user drew is of a person who was only found.
   * @param {Person} person
   * @param {Box} drawn
   */
  isOf({ person, box, boxFrom }, drawn) {
    const isGiven = this.tracks.get(person)?.isGiven ?? boxFrom === GIVEN;
    return !isGiven && coverageOf(box, drawn) > MOST_COVERAGE;
  }

  /**
   * The track of a person, a new one where the user made the box.
   * @param {Person} person
   */
  trackOf({ person, box, boxFrom }) {
    const known = this.tracks.get(person);
    return known?.shown === box ? known : new Track(box, this.timeS, boxFrom);
  }

  /**
   * @param {(track: Track) => Box} boxOf
   * @returns {Person[]}
   */
  peopleIn(boxOf) {
    return [...this.tracks].map(([person, track]) => {
      track.shown = boxOf(track);
      const { shown: box, boxFrom, isLost } = track;
      return { person, box, boxFrom, isLost };
    });
  }

  /** Parts with who was in doubt for too long. */
  giveUp() {
    for (const [person, track] of this.tracks) {
      const doubtedS = track.isInDoubt ? this.timeS - track.wellS : 0;
      if (track.isLost || doubtedS <= PATIENCE_S) continue;
      track.goBack();
      this.letGo(person);
    }
  }

  /**
   * Follows a person no more; one who was given is looked for.
   * @param {number} person
   */
  letGo(person) {
    const track = this.tracks.get(person);
    if (track?.isGiven) track.isLost = true;
    else this.tracks.delete(person);
  }

  /**
   * Goes on with who was lost where the network is sure to see them.
   * @param {Track} track
   * @param {Pose | undefined} pose
   * @param {Poses} poses
   */
  findAgain(track, pose, poses) {
    if (pose && this.isTaken(pose)) return;
    track.learn(pose, track.shown, this.timeS, poses, LEAST_OF_LEVEL_AGAIN);
    if (track.isInDoubt) return;
    track.velocity = [0, 0];
    track.isLost = false;
  }

  /** Whether a pose is of somebody who is followed. @param {Pose} pose */
  isTaken({ jointsPx }) {
    const box = tightBox(jointsPx);
    return [...this.tracks.values()].some(
      (track) => !track.isLost && iouOf(box, track.box) > TAKEN,
    );
  }
}
