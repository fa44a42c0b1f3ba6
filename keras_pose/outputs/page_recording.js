"use strict";

// What page_data.py wrote, read back.

const ARRAYS = { uint8: Uint8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array };
const UNKNOWN = { uint8: 255, int16: -32768 };

/** The numbers of an array, in its own units; NaN where not known. */
function numbers({ type, step, base64 }) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  const stored = new ARRAYS[type](bytes.buffer);
  if (!(type in UNKNOWN)) return stored;
  return Float32Array.from(stored, (n) => (n === UNKNOWN[type] ? NaN : n * step));
}

/** Texts that repeat: a function from an index to its text. */
function texts({ values, index }) {
  const place = numbers(index);
  return (i) => values[place[i]];
}

class PoseRecording {
  constructor(data) {
    const { frames, poses } = data;
    this.title = data.title;
    this.model = data.model;
    this.kind = data.kind;
    this.framesPerSecond = data.framesPerSecond;
    this.frameCount = data.frameCount; // before any were left out
    this.skeleton = data.skeleton;
    this.colours = data.colours;

    this.names = frames.names;
    this.commonFolder = commonFolder(frames.names);
    this.number = numbers(frames.number);
    this.times = numbers(frames.timeS);
    this.sizes = numbers(frames.sizePx);
    this.cameraFrom = texts(frames.camera);
    this.corners = numbers(frames.corners.values);
    this.cornersIndex = numbers(frames.corners.index);
    this.length = this.names.length;
    this.hasTime = this.kind !== "photos" && this.length > 1;

    this.person = numbers(poses.person);
    this.place = numbers(poses.placeMm);
    this.joints = numbers(poses.jointsMm);
    this.share = numbers(poses.jointsShare);
    this.box = numbers(poses.boxShare);
    this.confidence = numbers(poses.confidence);
    this.std = numbers(poses.stdMm);
    this.boxFrom = texts(poses.boxFrom);
    this.placeFrom = texts(poses.placeFrom);
    this.angles = new Map(
      Object.entries(poses.angles).map(([name, array]) => [name, numbers(array)]),
    );
    this.meanings = data.angles;

    this.poseFrame = numbers(poses.frame);
    this.firstPose = new Int32Array(this.length + 1);
    for (const frame of this.poseFrame) this.firstPose[frame + 1] += 1;
    for (let i = 0; i < this.length; i += 1) this.firstPose[i + 1] += this.firstPose[i];

    this.posesOfPerson = new Map();
    this.person.forEach((person, pose) => {
      if (!this.posesOfPerson.has(person)) this.posesOfPerson.set(person, []);
      this.posesOfPerson.get(person).push(pose);
    });
    this.people = [...this.posesOfPerson.keys()].sort((a, b) => a - b);

    this.meanConfidence = Float32Array.from(this.person, (_, pose) => this.meanOver(this.confidence, pose));
    const known = this.confidence.filter((c) => !Number.isNaN(c)).sort();
    this.hasConfidence = known.length > 0;
    this.sureConfidence = known.length ? known[Math.floor(0.95 * (known.length - 1))] : 1;
  }

  get numJoints() {
    return this.skeleton.joints.length;
  }

  /** A frame's name without the folder that all have. */
  shortName(frame) {
    return this.names[frame].slice(this.commonFolder);
  }

  /** The poses of a frame, as indices. */
  posesOf(frame) {
    const from = this.firstPose[frame];
    return Array.from({ length: this.firstPose[frame + 1] - from }, (_, i) => from + i);
  }

  /** A person's pose in a frame; -1 where there is none. */
  poseOf(frame, person) {
    return this.posesOf(frame).find((pose) => this.person[pose] === person) ?? -1;
  }

  /** The last frame that has begun at a time. */
  frameAt(time) {
    let [low, high] = [0, this.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The frame that is nearest to one of the recording. */
  frameOfNumber(number) {
    return nearest(this.number, number);
  }

  /** How sure a joint is, beside the surest of the recording: 0 to 1. */
  sureness(pose, joint) {
    const confidence = this.confidence[pose * this.numJoints + joint];
    return Number.isNaN(confidence) ? 1 : Math.min(1, confidence / this.sureConfidence);
  }

  /** Mean of a pose's joints, of those that are known. */
  meanOver(values, pose) {
    const row = values.subarray(pose * this.numJoints, (pose + 1) * this.numJoints);
    const known = row.filter((value) => !Number.isNaN(value));
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  }
}

/** How many letters of paths are the folder of them all. */
function commonFolder(names) {
  let count = Math.max(names[0].lastIndexOf("/"), names[0].lastIndexOf("\\")) + 1;
  while (count && !names.every((name) => name.startsWith(names[0].slice(0, count)))) {
    const folder = names[0].slice(0, count - 1);
    count = Math.max(folder.lastIndexOf("/"), folder.lastIndexOf("\\")) + 1;
  }
  return count;
}

/** Index of the nearest of ascending numbers. */
function nearest(ascending, number) {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] < number) low = middle + 1;
    else high = middle;
  }
  const closer = low > 0 && number - ascending[low - 1] <= ascending[low] - number;
  return closer ? low - 1 : low;
}
