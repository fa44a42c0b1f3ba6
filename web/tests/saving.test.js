import assert from "node:assert/strict";
import { test } from "node:test";

import { Recording, stem } from "../src/app/saving.js";
import { SKELETONS } from "../src/skeletons.js";

const poses = {
  skeleton: SKELETONS.h36m_17,
  people: [],
  width: 64,
  height: 48,
  intrinsics: { focal: 60, centreX: 31.5, centreY: 23.5 },
  intrinsicsFrom: "given",
};

const read = async (recording) => JSON.parse(await recording.toFile().text());

test("a photo's file has its frame and says what it is", async () => {
  const recording = new Recording("m.tflite", "photos");
  recording.add('a "b".jpg', null, poses);
  const { format, version, skeleton, frames } = await read(recording);
  assert.deepEqual([format, version], ["keras_pose recording", 1]);
  assert.equal(skeleton.joints[skeleton.root], "pelvis");
  const [frame] = frames;
  assert.equal(frame.name, 'a "b".jpg');
  assert.equal(frame.time_s, null);
  assert.deepEqual(frame.intrinsics_px[0], [60, 0, 31.5]);
});

test("a video's frames are in the order of time, each once", async () => {
  const recording = new Recording("m.tflite", "video");
  for (const time of [0.4, 0.8, 0, 0.4]) {
    recording.add(`clip at ${time}`, time, poses);
  }
  const { model, kind, frames } = await read(recording);
  assert.deepEqual([model, kind], ["m.tflite", "video"]);
  assert.deepEqual(
    frames.map(({ time_s }) => time_s),
    [0, 0.4, 0.8],
  );
});

test("files are named after the picture", () => {
  assert.equal(stem("my.holiday.jpg"), "my.holiday");
  assert.equal(stem(".jpg"), "pose");
});
