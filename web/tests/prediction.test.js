import assert from "node:assert/strict";
import { test } from "node:test";

import {
  imageFromCamera,
  intrinsicsFromFieldOfView,
  rayFromImage,
} from "../src/geometry/camera.js";
import { rootFromBox } from "../src/geometry/placement.js";
import { faultOfBox, faultOfPose } from "../src/geometry/rules.js";
import { parseSpec } from "../src/model/spec.js";
import { toDict } from "../src/pose.js";
import { predict } from "../src/prediction.js";
import { tightBox } from "../src/geometry/boxes.js";
import { assertNear, CASES } from "./cases.js";

const grey = (width, height) => ({
  width,
  height,
  read: (_x, _y, w, h) => new Uint8ClampedArray(4 * w * h).fill(128),
});

/** A network that gives these outputs, one for each box. */
function networkOf(spec, outputs) {
  let row = -1;
  const predict = async () => {
    row += 1;
    return {
      pose: outputs.pose[row],
      std: outputs.std?.[row] ?? null,
      confidence: outputs.confidence?.[row] ?? null,
    };
  };
  return { spec: parseSpec(spec), predict };
}

for (const made of CASES.predictions) {
  test(`poses are Python's: ${made.name}`, async () => {
    const { width, height, degrees, boxes } = made;
    const { poses } = await predict(
      networkOf(made.spec, made.outputs),
      grey(width, height),
      boxes.map((box, i) => ({ box, person: i + 1, boxFrom: "given" })),
      {
        intrinsics: intrinsicsFromFieldOfView(degrees, width, height),
        from: made.poses.intrinsics_from,
      },
    );
    assert.deepEqual(poses.refused, []);
    assertSame(toDict(poses), made.poses, "");
  });
}

/** Asserts the same keys in the same order, and numbers equal as written. */
function assertSame(found, expected, where) {
  if (expected !== null && typeof expected === "object") {
    assert.deepEqual(Object.keys(found), Object.keys(expected), where);
    for (const key of Object.keys(expected)) {
      assertSame(found[key], expected[key], `${where}.${key}`);
    }
  } else {
    assertNear(found, expected, 1.1e-3, where);
  }
}

test("a pose behind the camera is refused, the others stay", async () => {
  const made = CASES.predictions.find(({ name }) => name.includes("Crop"));
  const pose = made.outputs.pose.map((joints) => joints.map((j) => [...j]));
  pose[0][3][2] = -3;
  const { poses } = await predict(
    networkOf(made.spec, { ...made.outputs, pose }),
    grey(made.width, made.height),
    made.boxes.map((box, i) => ({ box, person: i + 1, boxFrom: "given" })),
    {
      intrinsics: intrinsicsFromFieldOfView(40, made.width, made.height),
      from: "given",
    },
  );
  assert.deepEqual(
    poses.people.map(({ person }) => person),
    [2],
  );
  const [{ person, fault }] = poses.refused;
  assert.equal(person, 1);
  assert.match(fault, /behind the camera/);
});

test("a pixel's ray leads back to it", () => {
  const camera = intrinsicsFromFieldOfView(55, 640, 480);
  const [x, y] = rayFromImage([100, 400], camera);
  assertNear(imageFromCamera([x * 7, y * 7, 7], camera), [100, 400], 1e-9);
  // The image's border is half the field of view away from its centre.
  const [edge] = rayFromImage([639.5, 0], camera);
  assertNear(Math.atan(edge), (27.5 * Math.PI) / 180, 1e-9);
});

test("a pose put where it fills its box does fill it", () => {
  const camera = intrinsicsFromFieldOfView(55, 640, 480);
  const joints = [
    [0, 0, 0],
    [-300, -800, 150],
    [250, 900, -200],
  ];
  const root = rootFromBox(joints, [400, 100, 90, 220], camera);
  const seen = joints.map((joint) =>
    imageFromCamera(
      joint.map((v, axis) => v + root[axis]),
      camera,
    ),
  );
  const [x, y, width, height] = tightBox(seen);
  assertNear(height, 220, 1e-6);
  assertNear([x + width / 2, y + height / 2], [445, 210], 1e-6);
});

test("boxes that cannot be are refused with a sentence", () => {
  assert.equal(faultOfBox([0, 0, 10, 10], 100, 50), null);
  assert.match(faultOfBox([0, 0, 0, 10], 100, 50), /positive width/);
  assert.match(faultOfBox([100, 0, 10, 10], 100, 50), /overlap/);
  assert.match(faultOfBox([0, -10, 10, 10], 100, 50), /overlap/);
  assert.match(faultOfBox([0, 0, 0.5, 0.9], 100, 50), /longer side/);
  assert.match(faultOfBox([0, 0, 10001, 9], 100, 50), /longer side/);
  assert.match(faultOfBox([NaN, 0, 10, 10], 100, 50), /finite/);
});

test("a pose of no numbers is refused", () => {
  assert.match(faultOfPose([[0, NaN, 1]]), /no number/);
  assert.match(faultOfPose([[0, 0, -12.2]]), /-12 mm/);
  assert.equal(faultOfPose([[0, 0, 1]]), null);
});
