import assert from "node:assert/strict";
import { test } from "node:test";

import { intrinsicsFromFieldOfView } from "../src/geometry/camera.js";
import { faultOfBox } from "../src/geometry/rules.js";
import { SKELETONS } from "../src/skeletons.js";
import { Follower } from "../src/tracking/following.js";
import { OneEuroFilter } from "../src/tracking/one_euro.js";
import { Smoother } from "../src/tracking/smoothing.js";
import { FOLLOWED, GIVEN, WHOLE } from "../src/tracking/track.js";
import { assertNear, CASES } from "./cases.js";

test("the One-Euro filter is the paper's", () => {
  const made = CASES.smoothing;
  const filter = new OneEuroFilter({
    minCutoff: made.min_cutoff,
    beta: made.beta,
    speedCutoff: made.slope_cutoff,
  });
  const found = made.times.map((time, row) => {
    const [a, b] = filter.filter(time, [made.values[row], 7]);
    assertNear(b, 7, 1e-12);
    return a;
  });
  assertNear(found, made.smoothed, 1e-9);
});

test("a frame shown twice changes nothing", () => {
  const filter = new OneEuroFilter({ minCutoff: 1, beta: 0, speedCutoff: 1 });
  filter.filter(0, [0]);
  const [once] = filter.filter(0.1, [10]);
  assert.deepEqual(filter.filter(0.1, [10]), [once]);
});

const skeleton = SKELETONS.h36m_17;
const intrinsics = intrinsicsFromFieldOfView(CASES.smoothed.degrees, 640, 480);
const smoothed = (smoother, { time_s, poses }) => {
  const people = poses.map(({ person, joints_mm, joints_camera_mm }) => ({
    person,
    jointsMm: joints_mm,
    jointsCameraMm: joints_camera_mm,
  }));
  return smoother.smooth(time_s, { skeleton, intrinsics, people }).people;
};

test("poses are smoothed as in Python", () => {
  const smoother = new Smoother();
  CASES.smoothed.frames.forEach((frame, row) => {
    smoothed(smoother, frame).forEach((found, index) => {
      const expected = frame.smooth[index];
      const where = `frame ${row}, person ${index}`;
      assertNear(found.jointsMm, expected.joints_mm, 2e-6, where);
      assertNear(found.jointsCameraMm, expected.joints_camera_mm, 2e-6, where);
      assertNear(found.jointsPx, expected.joints_px, 2e-6, where);
    });
  });
});

test("a video that begins again begins anew", () => {
  const smoother = new Smoother();
  const [first, second] = CASES.smoothed.frames;
  smoothed(smoother, second);
  const [again] = smoothed(smoother, first);
  assertNear(again.jointsCameraMm, first.poses[0].joints_camera_mm, 1e-9);
});

const picture = { width: 640, height: 480 };

/** One frame through a Follower: who was looked for, and who is next. */
function step(follower, people, timeS, posesOf) {
  const looked = follower.look(people, timeS);
  const shown = looked.filter(({ box }) => faultOfBox(box, 640, 480) === null);
  const poses = { ...picture, people: posesOf(shown) };
  return { shown, next: follower.learn(poses) };
}

for (const { name, first_boxes, frames } of CASES.followed) {
  test(`people are followed as in Python: ${name}`, () => {
    const follower = new Follower();
    let people = first_boxes.map((box, row) => given(row + 1, box));
    for (const [row, frame] of frames.entries()) {
      const { time_s, persons, boxes, box_from, followed, poses } = frame;
      const { shown, next } = step(follower, people, time_s, () =>
        poses.map(({ person, joints_px: jointsPx, confidence }) => ({
          person,
          jointsPx,
          confidence,
        })),
      );
      people = next;
      // Python looks for the lost last.
      const rowOf = ({ person }) => persons.indexOf(person);
      shown.sort((a, b) => rowOf(a) - rowOf(b));
      assert.deepEqual(numbersOf(shown), persons, `frame ${row}`);
      const kept = numbersOf(next.filter(({ isLost }) => !isLost));
      assert.deepEqual(kept, followed, `frame ${row}`);
      const from = shown.map(({ boxFrom }) => boxFrom);
      assert.deepEqual(from, box_from, `frame ${row}`);
      // Python's boxes around joints are of single precision.
      const found_boxes = shown.map(({ box }) => box);
      assertNear(found_boxes, boxes, 2e-3, `frame ${row}`);
    }
  });
}

const numbersOf = (people) => people.map(({ person }) => person);
const given = (person, box) => ({ person, box, boxFrom: GIVEN });
const whole = (person = 1) => ({
  person,
  box: [0, -80, 640, 640],
  boxFrom: WHOLE,
});

// Joints whose box is 100, 50, 40, 100 where they are not moved.
const poseOf = (person = 1, dx = 0, confidence = null) => ({
  person,
  jointsPx: [
    [99.5 + dx, 49.5],
    [139.5 + dx, 149.5],
  ],
  confidence,
});

test("in the whole picture, joints are taken to be a fifth short", () => {
  const { next } = step(new Follower(), [whole()], 0, () => [poseOf()]);
  assert.deepEqual([next[0].person, next[0].boxFrom], [1, FOLLOWED]);
  assertNear(next[0].box, [96, 40, 48, 120], 1e-9);
});

test("a heap of joints in the whole picture is nobody", () => {
  const heap = {
    person: 1,
    jointsPx: [
      [99.5, 49.5],
      [100.5, 69.5],
    ],
    confidence: null,
  };
  const people = [whole()];
  const { next } = step(new Follower(), people, 0, () => [heap]);
  assert.deepEqual(next, [{ ...whole(), isLost: false }]);
});

test("whom the user drew is looked for, who was only found is let go", () => {
  const follower = new Follower();
  let people = [whole(1), given(2, [395, 40, 50, 120])];
  for (const timeS of [0, 0.1, 0.7]) {
    const found = () => [poseOf(1), poseOf(2, 300)];
    people = step(follower, people, timeS, found).next;
  }
  const [, { box }] = people;
  people = step(follower, people, 1, () => [poseOf(1)]).next;
  people = step(follower, people, 1.9, () => []).next;
  assert.deepEqual(
    people.map(({ person, isLost }) => [person, isLost]),
    [
      [1, false],
      [2, true],
    ],
  );
  people = step(follower, people, 9, () => []).next;
  assert.deepEqual(people, [
    { person: 2, box, boxFrom: FOLLOWED, isLost: true },
  ]);
  people = step(follower, people, 9.1, () => [poseOf(2, 310)]).next;
  assert.deepEqual(numbersOf(people), [2]);
  assert.equal(people[0].isLost, false);
});

/** A person who is lost, at 2 s. */
function lost(follower) {
  let people = [given(1, [95, 40, 50, 120])];
  for (const timeS of [0, 0.1]) {
    people = step(follower, people, timeS, () => [poseOf(1, 0, [0.6])]).next;
  }
  people = step(follower, people, 0.2, () => []).next;
  return step(follower, people, 2, () => []).next;
}

test("who is lost is so too when a video begins again", () => {
  const follower = new Follower();
  const unsure = () => [poseOf(1, 0, [0.4])];
  let people = step(follower, lost(follower), 0.5, unsure).next;
  assert.equal(people[0].isLost, true);
  people = step(follower, people, 0.6, () => [poseOf(1, 0, [0.6])]).next;
  assert.equal(people[0].isLost, false);
});

test("who is lost is not when their box is drawn anew", () => {
  const follower = new Follower();
  assert.equal(lost(follower)[0].isLost, true);
  const drawn = [given(1, [395, 40, 50, 120])];
  const unsure = () => [poseOf(1, 300, [0.1])];
  const { shown, next } = step(follower, drawn, 2.1, unsure);
  assert.deepEqual(shown, [{ ...drawn[0], isLost: false }]);
  assert.equal(next[0].boxFrom, FOLLOWED);
});

test("a box that is drawn anew is believed at once", () => {
  const follower = new Follower();
  const first = step(follower, [given(1, [95, 40, 50, 120])], 0, () => [
    poseOf(),
  ]);
  const drawn = [given(1, [395, 40, 50, 120])];
  const { next } = step(follower, drawn, 0.04, () => [poseOf(1, 300)]);
  assert.equal(first.next[0].boxFrom, FOLLOWED);
  assert.equal(next[0].boxFrom, FOLLOWED);
  assertNear(next[0].box, [395, 40, 48, 120], 6);
});

test("when a video begins again, it goes on with who is there", () => {
  const follower = new Follower();
  let people = [given(1, [95, 40, 50, 120])];
  for (const timeS of [4, 4.1, 0, 0.1]) {
    people = step(follower, people, timeS, () => [poseOf()]).next;
  }
  assert.equal(follower.tracks.get(1)?.timeS, 0.1);
  // What the user's box told of the joints' is not forgotten.
  assertNear(people[0].box, [96, 40, 48, 120], 1e-6);
});

test("who was only found gives way to the user's box of them", () => {
  const follower = new Follower();
  const [found] = step(follower, [whole()], 0, () => [poseOf()]).next;
  assert.equal(follower.isOf(found, [90, 35, 60, 130]), true);
  assert.equal(follower.isOf(found, [390, 35, 60, 130]), false);
  const drawn = [given(1, [95, 40, 50, 120])];
  const [other] = step(follower, drawn, 0.1, () => [poseOf()]).next;
  assert.equal(follower.isOf(other, [90, 35, 60, 130]), false);
});

test("of two on one person, it is who was only found that is let go", () => {
  const follower = new Follower();
  let people = [whole(1), given(2, [95, 40, 50, 120])];
  for (let timeS = 0; timeS < 0.7; timeS += 0.1) {
    const found = () => [poseOf(1), poseOf(2)];
    people = step(follower, people, timeS, found).next;
  }
  assert.deepEqual(
    people.map(({ person }) => person),
    [2],
  );
});
