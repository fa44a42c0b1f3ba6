/** What is looked at, by which network, and what came of it. */

import {
  intrinsicsFromFieldOfView,
  ORDINARY_FIELD_OF_VIEW,
} from "../geometry/camera.js";
import { boxOfImage } from "../geometry/crop.js";
import { faultOfBox } from "../geometry/rules.js";
import { shownOf } from "../pose.js";
import { Follower } from "../tracking/following.js";
import { Smoother } from "../tracking/smoothing.js";
import { FOLLOWED, GIVEN, WHOLE } from "../tracking/track.js";
import { Recording } from "./saving.js";

/**
 * @typedef {import("../prediction.js").Person} Person
 * @typedef {import("./pictures.js").Frame} Frame
 * @typedef {{name: string, kind: "photos" | "video" | "camera"}} Source
 * @typedef {{networkMs: number, totalMs: number}} Timing
 */

export class Session {
  /**
   * @param {() => void} onResult After each prediction, and each frame that is
   *   shown without one.
   * @param {(error: unknown) => void} onFault The network runs no more.
   */
  constructor(onResult, onFault) {
    this.onResult = onResult;
    this.onFault = onFault;
    /** @type {import("./remote.js").RemoteNetwork | null} */
    this.network = null;
    /** @type {Frame | null} */
    this.frame = null; // the one that is shown, with its poses
    /** @type {{frame: Frame, timeS: number} | null} */
    this.newest = null;
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
    this.smoother = new Smoother();
    this.follower = new Follower();
    this.recording = new Recording("", "photos");
    /** @type {Promise<void> | null} */
    this.work = null;
    this.isStale = false;
  }

  get isVideo() {
    return this.source.kind !== "photos";
  }

  /**
   * Takes another network, or none. The one before ends at once.
   * @param {import("./remote.js").RemoteNetwork | null} network
   */
  useNetwork(network) {
    this.network?.close();
    this.network = network;
    if (network === null) return;
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
    for (const frame of new Set([this.frame, this.newest?.frame])) {
      frame?.image.close();
    }
    this.frame = this.newest = null;
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
   * @param {Frame} frame
   * @param {number} timeS From the start; 0 for a photo.
   * @returns {Promise<void>}
   */
  look(frame, timeS) {
    const unseen = this.newest?.frame;
    if (unseen !== this.frame) unseen?.image.close();
    this.newest = { frame, timeS };
    if (this.people.length > 0) return this.update();
    // The first is shown before its poses, which may take a while.
    this.show(frame);
    this.people = [this.whole(1)];
    this.onResult();
    return this.update();
  }

  /** @param {Frame} frame */
  show(frame) {
    if (this.frame !== frame) this.frame?.image.close();
    this.frame = frame;
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
    while (this.isStale && this.newest !== null) {
      this.isStale = false;
      if (this.network !== null) {
        await this.predictOnce(this.network, this.newest);
      } else if (this.frame !== this.newest.frame) {
        this.show(this.newest.frame);
        this.poses = this.timing = null; // they were of another frame
      }
      this.onResult();
    }
  }

  /**
   * @param {import("./remote.js").RemoteNetwork} network
   * @param {{frame: Frame, timeS: number}} newest
   */
  async predictOnce(network, { frame, timeS }) {
    const { recording, isVideo } = this;
    const isFollowed = isVideo && !this.isEditing;
    if (isFollowed) this.followTo(timeS);
    const { people } = this;
    const start = performance.now();
    let found;
    try {
      const seen = people.filter((person) => canBeSeen(person, frame));
      found = await network.predict(frame, seen, this.camera(frame));
    } catch (error) {
      if (network !== this.network) return; // it was closed
      this.network = null;
      this.onFault(error);
      return;
    }
    // Another network or picture was chosen meanwhile.
    if (recording !== this.recording) return;
    this.show(frame);
    let next = people;
    // Boxes may have been drawn meanwhile.
    if (isFollowed && people === this.people) {
      next = this.people = this.follower.learn(found.poses);
    }
    const poses = shownOf(found.poses, next);
    this.poses =
      isVideo && this.isSmooth ? this.smoother.smooth(timeS, poses) : poses;
    const { networkMs } = found;
    this.timing = { networkMs, totalMs: performance.now() - start };
    recording.add(...this.nameAndTime(timeS), this.poses);
  }

  /**
   * Moves each box to where its person is expected. When all are let go, one
   * is looked for in the whole picture.
   * @param {number} timeS
   */
  followTo(timeS) {
    const { people } = this;
    this.people = this.follower.look(people, timeS);
    if (this.people.length > 0) return;
    const [first] = people;
    this.people = this.follower.look([this.whole(first.person)], timeS);
  }

  /**
   * @param {Frame} frame
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
    const margin = this.network?.spec?.boxMargin ?? 1;
    return {
      person,
      box: boxOfImage(width, height, margin),
      boxFrom: WHOLE,
    };
  }

  /** @param {number} timeS @returns {[string, number | null]} */
  nameAndTime(timeS) {
    const { name } = this.source;
    return this.isVideo
      ? [`${name} at ${timeS.toFixed(3)} s`, timeS]
      : [name, null];
  }

  /** Takes one person anew, from the whole picture. */
  startOver() {
    this.people = [this.whole(1)];
    return this.revise();
  }

  /**
   * Adds a person.
   * @param {import("../geometry/crop.js").Box} box
   * @returns {number} Their number.
   */
  addPerson(box) {
    const others = this.people.filter(({ boxFrom }) => boxFrom !== WHOLE);
    const numbers = others.map(({ person }) => person);
    const person = Math.max(0, ...numbers) + 1;
    this.people = [...others, { person, box: inTenths(box), boxFrom: GIVEN }];
    return person;
  }

  /**
   * @param {number} person
   * @param {import("../geometry/crop.js").Box} box
   */
  moveBox(person, box) {
    this.people = this.people.map((other) =>
      other.person === person
        ? { person, box: inTenths(box), boxFrom: GIVEN }
        : other,
    );
  }

  /**
   * Lets go whom nobody drew a box for where the box of this person is: the
   * user knows better.
   * @param {number} person
   */
  settle(person) {
    const drawn = this.people.find((other) => other.person === person);
    if (drawn === undefined) return;
    this.people = this.people.filter(
      (other) => other === drawn || !this.follower.isOf(other, drawn.box),
    );
  }

  /** @param {number} person */
  removePerson(person) {
    this.people = this.people.filter((other) => other.person !== person);
    if (this.people.length === 0) this.people = [this.whole(1)];
  }
}

/**
 * Whether a person is predicted: who was followed out of the picture is not;
 * a box that the user drew there is refused in words.
 * @param {Person} person
 * @param {Frame} frame
 */
function canBeSeen({ box, boxFrom }, { width, height }) {
  return boxFrom !== FOLLOWED || faultOfBox(box, width, height) === null;
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
