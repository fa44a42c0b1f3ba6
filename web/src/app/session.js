/** What is looked at, by which network, and what came of it. */

import {
  intrinsicsFromFieldOfView,
  ORDINARY_FIELD_OF_VIEW,
} from "../geometry/camera.js";
import { boxOfImage } from "../geometry/crop.js";
import { predict } from "../prediction.js";
import { FOLLOWED, Follower, GIVEN, WHOLE } from "../tracking/following.js";
import { Smoother } from "../tracking/smoothing.js";
import { Recording } from "./saving.js";

/**
 * @typedef {import("../prediction.js").Person} Person
 * @typedef {{name: string, kind: "photos" | "video" | "camera"}} Source
 * @typedef {{networkMs: number, totalMs: number}} Timing
 */

export class Session {
  /** @param {() => void} onResult After each prediction. */
  constructor(onResult) {
    this.onResult = onResult;
    /** @type {import("../model/network.js").Network | null} */
    this.network = null;
    /** @type {import("./pictures.js").Frame | null} */
    this.frame = null;
    /** @type {Source} */
    this.source = { name: "", kind: "photos" };
    /** @type {Person[]} */
    this.people = [];
    /** @type {import("../pose.js").Poses | null} */
    this.poses = null;
    /** @type {Timing | null} */
    this.timing = null;
    this.degrees = ORDINARY_FIELD_OF_VIEW;
    this.degreesFrom = "a guess";
    this.isSmooth = true;
    this.isEditing = false;
    this.timeS = 0;
    this.smoother = new Smoother();
    this.follower = new Follower();
    this.recording = new Recording("", "photos");
    /** @type {Promise<void> | null} */
    this.work = null;
    this.isStale = false;
  }

  /** Gives back the network's memory, when it is through. */
  async dropNetwork() {
    const { network } = this;
    this.network = null;
    await this.work;
    network?.delete();
  }

  /** @param {import("../model/network.js").Network} network */
  useNetwork(network) {
    this.network = network;
    this.people = this.people.map((person) =>
      person.boxFrom === GIVEN ? person : this.whole(person.person),
    );
    this.forget();
  }

  /**
   * Begins with another picture, video or camera.
   * @param {Source} source
   */
  begin(source) {
    this.source = source;
    this.frame = null;
    this.people = [];
    this.forget();
  }

  /** Drops what was found. */
  forget() {
    this.poses = null;
    this.timing = null;
    this.smoother = new Smoother();
    this.follower = new Follower();
    this.recording = new Recording(this.network?.name ?? "", this.source.kind);
  }

  /**
   * Looks at a frame.
   * @param {import("./pictures.js").Frame} frame
   * @param {number} timeS From the start; 0 for a photo.
   * @returns {Promise<void>}
   */
  look(frame, timeS) {
    this.frame = frame;
    this.timeS = timeS;
    if (this.people.length === 0) this.people = [this.whole(1)];
    return this.update();
  }

  /** Looks at the same frame with other people or another camera. */
  revise() {
    // What was found with other boxes is not to be mixed in.
    this.smoother = new Smoother();
    return this.update();
  }

  /**
   * Predicts; when asked again while it does, once more when it is through.
   * @returns {Promise<void>} When nothing newer is to be done.
   */
  update() {
    this.isStale = true;
    this.work ??= this.predictWhileStale().finally(() => {
      this.work = null;
    });
    return this.work;
  }

  async predictWhileStale() {
    while (this.isStale) {
      this.isStale = false;
      if (this.network !== null && this.frame !== null)
        await this.predictOnce();
    }
  }

  async predictOnce() {
    const network = /** @type {NonNullable<typeof this.network>} */ (
      this.network
    );
    const frame = /** @type {NonNullable<typeof this.frame>} */ (this.frame);
    const { timeS, people, recording } = this;
    const start = performance.now();
    const camera = this.camera(frame);
    const { poses, networkMs } = await predict(network, frame, people, camera);
    // Another network or picture was chosen meanwhile.
    if (recording !== this.recording) return;
    const isVideo = this.source.kind !== "photos";
    this.poses =
      isVideo && this.isSmooth ? this.smoother.smooth(timeS, poses) : poses;
    this.timing = { networkMs, totalMs: performance.now() - start };
    recording.add(...this.nameAndTime(timeS), this.poses);
    if (isVideo && !this.isEditing) this.follow(timeS, poses, people);
    this.onResult();
  }

  /**
   * Moves each box to where its person went.
   * @param {number} timeS Of the frame.
   * @param {import("../pose.js").Poses} poses
   * @param {Person[]} people Whom they were found for.
   */
  follow(timeS, poses, people) {
    if (people !== this.people) return; // boxes were drawn meanwhile
    this.people = people.map((looked) => {
      const { person } = looked;
      const pose = poses.people.find((found) => found.person === person);
      const box = this.follower.next(timeS, looked, pose, poses);
      return box === null
        ? this.whole(person)
        : { person, box, boxFrom: FOLLOWED };
    });
  }

  /**
   * @param {import("./pictures.js").Frame} frame
   * @returns {import("../prediction.js").Camera}
   */
  camera({ width, height }) {
    return {
      intrinsics: intrinsicsFromFieldOfView(this.degrees, width, height),
      from: this.degreesFrom.startsWith("EXIF")
        ? this.degreesFrom
        : `${this.degreesFrom}: ${this.degrees} degrees across the longer side`,
    };
  }

  /**
   * The person of whom nothing is known.
   * @param {number} person
   * @returns {Person}
   */
  whole(person) {
    const { width, height } = this.frame ?? { width: 1, height: 1 };
    const margin = this.network?.spec.boxMargin ?? 1;
    return {
      person,
      box: boxOfImage(width, height, margin),
      boxFrom: WHOLE,
    };
  }

  /** @param {number} timeS @returns {[string, number | null]} */
  nameAndTime(timeS) {
    const { name, kind } = this.source;
    if (kind === "photos") return [name, null];
    return [`${name} at ${timeS.toFixed(3)} s`, timeS];
  }

  /** Takes one person anew, from the whole picture. */
  startOver() {
    this.people = [this.whole(1)];
    return this.revise();
  }

  /**
   * Adds a person.
   * @param {import("../geometry/crop.js").Box} box
   * @returns {number} Its place in `people`.
   */
  addPerson(box) {
    // The first box that is drawn takes the place of the whole picture.
    const isFirst = this.people.every(({ boxFrom }) => boxFrom !== GIVEN);
    const others = isFirst ? [] : this.people;
    const numbers = others.map(({ person }) => person);
    const person = Math.max(0, ...numbers) + 1;
    this.people = [...others, { person, box: inTenths(box), boxFrom: GIVEN }];
    return this.people.length - 1;
  }

  /**
   * @param {number} index Of the person.
   * @param {import("../geometry/crop.js").Box} box
   */
  moveBox(index, box) {
    this.people = this.people.map((person, i) =>
      i === index ? { ...person, box: inTenths(box), boxFrom: GIVEN } : person,
    );
  }

  /** @param {number} index Of the person. */
  removePerson(index) {
    this.people = this.people.filter((_, i) => i !== index);
    if (this.people.length === 0) this.people = [this.whole(1)];
  }
}

/**
 * A box in tenths of px, so that the saved file has the very box that was used.
 * @param {import("../geometry/crop.js").Box} box
 * @returns {import("../geometry/crop.js").Box}
 */
function inTenths(box) {
  const [x, y, width, height] = box.map((v) => Math.round(10 * v) / 10);
  return [x, y, Math.max(width, 0.1), Math.max(height, 0.1)];
}
