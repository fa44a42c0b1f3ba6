import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Player } from "../src/app/player.js";

/** A video whose frames are shown by hand. */
class FakeVideo extends EventTarget {
  paused = false;
  src = "";
  callback = () => {};

  requestVideoFrameCallback(callback) {
    this.callback = callback;
  }

  pause() {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  show(mediaTime) {
    this.time = mediaTime;
    this.callback(0, { mediaTime });
  }
}

globalThis.MediaStream ??= class {};
globalThis.createImageBitmap = async ({ time }) => ({
  width: 4,
  height: 3,
  time,
  close() {},
});
const soon = () => new Promise(setImmediate);

/** @type {{timeS: number, release: () => void}[]} */
let seen;
/** @type {string[]} */
let faults;
/** @type {Player} */
let player;
/** @type {any} */
let video;

beforeEach(() => {
  [seen, faults] = [[], []];
  const onFrame = ({ image }, timeS) => {
    assert.equal(image.time, timeS);
    return new Promise((release) => seen.push({ timeS, release }));
  };
  player = new Player(onFrame, ({ message }) => faults.push(message));
  video = new FakeVideo();
  player.play(video);
});

const times = () => seen.map(({ timeS }) => timeS);

test("frames that come while one is looked at are left out", async () => {
  for (const time of [0, 1, 2]) video.show(time);
  await soon();
  seen[0].release();
  await soon();
  assert.deepEqual(times(), [0]);
  video.show(3);
  await soon();
  assert.deepEqual(times(), [0, 3]);
});

test("the frame at which a video is paused is not left out", async () => {
  for (const time of [0, 1, 2]) video.show(time);
  await soon();
  video.pause();
  assert.deepEqual(times(), [0]);
  seen[0].release();
  await soon();
  assert.deepEqual(times(), [0, 2]);
});

test("nor is it where the video is paused later", async () => {
  for (const time of [0, 1]) video.show(time);
  await soon();
  seen[0].release();
  await soon();
  video.pause();
  await soon();
  assert.deepEqual(times(), [0, 1]);
});

test("a video that was closed shows nothing more", async () => {
  video.show(0);
  await soon();
  video.show(1);
  player.close();
  seen[0].release();
  await soon();
  video.show(2);
  await soon();
  assert.deepEqual(times(), [0]);
});

test("what goes wrong pauses the video, and is said", async () => {
  player.onFrame = async () => {
    throw new Error("no");
  };
  video.show(0);
  await soon();
  assert.equal(video.paused, true);
  assert.deepEqual(faults, ["no"]);
});
