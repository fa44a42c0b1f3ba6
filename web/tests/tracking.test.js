import assert from "node:assert/strict";
import { test } from "node:test";

import { intrinsicsFromFieldOfView } from "../src/geometry/camera.js";
import { SKELETONS } from "../src/skeletons.js";
import {
  FOLLOWED,
  Follower,
  tightBox,
  WHOLE,
} from "../src/tracking/following.js";
import { OneEuroFilter } from "../src/tracking/one_euro.js";
import { Smoother } from "../src/tracking/smoothing.js";
import { assertNear, CASES } from "./cases.js";

test("the One-Euro filter is the paper's", () => {
  const made = CASES.smoothing;
  const filter = new OneEuroFilter({
    minCutoff: made.min_cutoff,
    beta: made.beta,
    slopeCutoff: made.slope_cutoff,
  });
  const found = made.times.map((time, row) => {
    const [a, b] = filter.filter(time, [made.values[row], 7]);
    assertNear(b, 7, 1e-12);
    return a;
  });
  assertNear(found, made.smoothed, 1e-9);
});

test("a frame shown twice changes nothing", () => {
  const filter = new OneEuroFilter({ minCutoff: 1, beta: 0, slopeCutoff: 1 });
  filter.filter(0, [0]);
  const [once] = filter.filter(0.1, [10]);
  assert.deepEqual(filter.filter(0.1, [10]), [once]);
});

const skeleton = SKELETONS.h36m_17;
const intrinsics = intrinsicsFromFieldOfView(55, 640, 480);

function posesAt(x, depth, person = 1) {
  const jointsMm = skeleton.joints.map((_, i) =>
    i === skeleton.root ? [0, 0, 0] : [10 * i, -20 * i, 5 * i],
  );
  const pose = {
    person,
    jointsMm,
    jointsCameraMm: jointsMm.map(([a, b, c]) => [a + x, b, c + depth]),
    jointsPx: [],
    box: [0, 0, 10, 10],
  };
  return { skeleton, intrinsics, people: [pose] };
}

test("smoothing keeps joints, place and pixels together", () => {
  const smoother = new Smoother();
  smoother.smooth(0, posesAt(0, 3000));
  const { people } = smoother.smooth(0.04, posesAt(20, 3040));
  const [x, , depth] = people[0].jointsCameraMm[skeleton.root];
  assert.ok(x > 0 && x < 20, `${x}`);
  assert.ok(depth > 3000 && depth < 3015, `${depth}`);
  people[0].jointsCameraMm.forEach((joint, row) => {
    assertNear(joint[2] - depth, people[0].jointsMm[row][2], 1e-9);
    const u = (joint[0] / joint[2]) * intrinsics.focal + 319.5;
    assertNear(people[0].jointsPx[row][0], u, 1e-9);
  });
});

test("a video that begins again begins anew", () => {
  const smoother = new Smoother();
  smoother.smooth(3, posesAt(0, 3000));
  const again = smoother.smooth(0, posesAt(100, 3400));
  assertNear(again.people[0].jointsCameraMm[0][2], 3400, 1e-9);
});

test("a gap, or another person, begins anew", () => {
  const smoother = new Smoother();
  smoother.smooth(0, posesAt(0, 3000));
  const other = smoother.smooth(0.04, posesAt(100, 3400, 2));
  assertNear(other.people[0].jointsCameraMm[0][2], 3400, 1e-9);
  const later = smoother.smooth(5, posesAt(100, 3400));
  assertNear(later.people[0].jointsCameraMm[0][2], 3400, 1e-9);
});

// Joints whose box is 100, 50, 40, 100 where they are not moved.
const poseOf = (dx = 0, dy = 0, confidence = null) => ({
  jointsPx: [
    [99.5 + dx, 49.5 + dy],
    [139.5 + dx, 149.5 + dy],
  ],
  confidence,
});
const picture = { width: 640, height: 480 };
const followed = (box) => ({ person: 1, box, boxFrom: FOLLOWED });

test("the box of joints is tight", () => {
  assertNear(tightBox(poseOf().jointsPx), [100, 50, 40, 100], 1e-12);
});

test("the user's box tells what is wrong with the joints'", () => {
  const follower = new Follower();
  const drawn = { person: 1, box: [103, 38, 46, 120], boxFrom: "given" };
  const first = follower.next(0, drawn, poseOf(), picture);
  // At once it has the size of the user's own, whose middle is 6 right and 2
  // above that of the joints'.
  assertNear(first, [102, 38, 48, 120], 1e-9);
  const moved = follower.next(0.04, followed(first), poseOf(10, 5), picture);
  assertNear(moved, [112, 43, 48, 120], 1e-9);
});

test("without the user's box, joints are taken to be a fifth short", () => {
  const whole = { person: 1, box: [0, 0, 640, 480], boxFrom: WHOLE };
  const box = new Follower().next(0, whole, poseOf(), picture);
  assertNear(box, [96, 40, 48, 120], 1e-9);
});

test("a box grows sooner than it shrinks", () => {
  const sizes = [100, 144].map((side) => {
    const follower = new Follower();
    const whole = { person: 1, box: [0, 0, 640, 480], boxFrom: WHOLE };
    follower.next(0, whole, poseOf(), picture);
    const last = followed([100, 50, 48, side]);
    return follower.next(0.3, last, poseOf(), picture)[3];
  });
  // exp(log(1.2) (1 - 1/e)) of 100; exp(-log(1.2) (1 - exp(-0.3))) of 144
  assertNear(sizes, [112.2155, 137.3528], 1e-3);
});

test("a pose that jumps, or is unsure, is not believed for a second", () => {
  for (const pose of [poseOf(60, 0, [0.5]), poseOf(0, 0, [0.29]), undefined]) {
    const follower = new Follower();
    const whole = { person: 1, box: [0, 0, 640, 480], boxFrom: WHOLE };
    const box = follower.next(0, whole, poseOf(0, 0, [0.5]), picture);
    assert.deepEqual(follower.next(0.9, followed(box), pose, picture), box);
    assert.equal(follower.next(1.1, followed(box), pose, picture), null);
  }
});

test("who has left the picture, or vanished, is lost", () => {
  const tiny = {
    jointsPx: [
      [99.5, 49.5],
      [100.5, 69.5],
    ],
    confidence: null,
  };
  for (const pose of [poseOf(535), poseOf(0, -130), tiny]) {
    const follower = new Follower();
    const last = followed(tightBox(pose.jointsPx));
    follower.next(0, last, poseOf(), picture);
    assert.equal(follower.next(2, last, pose, picture), null);
  }
});
