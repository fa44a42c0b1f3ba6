import assert from "node:assert/strict";
import { test } from "node:test";

import { fixShapes } from "../src/model/fixed_shapes.js";
import { openModelFile, parseSpec } from "../src/model/spec.js";
import { SKELETONS } from "../src/skeletons.js";
import { bytesOf, CASES } from "./cases.js";

for (const { name, bytes, is_right } of CASES.files.cases) {
  test(`a model file is taken exactly where Python takes it: ${name}`, async () => {
    const opened = openModelFile(bytesOf(bytes));
    if (!is_right) {
      await assert.rejects(opened, /^Error: This is no whole \.tflite file/);
      return;
    }
    const { spec, model } = await opened;
    assert.equal(model.length, 768);
    assert.equal(model[100], 100);
    assert.equal(spec.inputSize, CASES.files.spec.input_size);
    assert.deepEqual(spec.volume, { kind: "metric", sizeMm: 2200 });
    assert.deepEqual(spec.boneLengthsMm, CASES.files.spec.bone_lengths_mm);
  });
}

const right = CASES.files.spec;
const crop = { kind: "crop", crop_size: 64, depth_mm: 2000 };
const zeros = right.joints.map(() => 0);

for (const [what, change] of Object.entries({
  "skeleton is unknown": { skeleton: "toString" },
  "has no root": { skeleton: "coco_17", joints: SKELETONS.coco_17.joints },
  "joints are not": { joints: [...right.joints].reverse() },
  "bone lengths are not": { bone_lengths_mm: [1, 2] },
  "no bone lengths": { volume: crop, bone_lengths_mm: zeros },
  "unknown kind": { volume: { kind: "cube" } },
  "size_mm is no positive": { volume: { kind: "metric", size_mm: 0 } },
  "depth_mm is no positive": { volume: { ...crop, depth_mm: "2" } },
  "box_margin is no positive": { box_margin: null },
  "input_size is no whole": { input_size: 64.5 },
})) {
  test(`a spec is refused: ${what}`, () => {
    const changed = JSON.stringify({ ...right, ...change });
    assert.throws(() => parseSpec(changed), new RegExp(what));
  });
}

test("unknown lengths of shapes become 1, and nothing else changes", () => {
  const model = bytesOf(CASES.shapes.unknown);
  assert.notDeepEqual(model, bytesOf(CASES.shapes.one));
  fixShapes(model);
  assert.deepEqual(model, bytesOf(CASES.shapes.one));
});

test("what is no model is refused", () => {
  assert.throws(() => fixShapes(new Uint8Array(8).fill(255)), RangeError);
});

test("bones and sides follow from the joint sets", () => {
  const { joints, bones, sides, root } = SKELETONS.h36m_17;
  assert.equal(joints[root], "pelvis");
  const named = bones.map(([p, c]) => `${joints[p]} ${joints[c]}`);
  assert.ok(named.includes("left_knee left_ankle"));
  assert.equal(bones.length, 16);
  assert.equal(sides[joints.indexOf("left_wrist")], "left");
  assert.equal(sides[joints.indexOf("head_top")], "centre");
});
