import assert from "node:assert/strict";
import { test } from "node:test";

import { orbitAround, projector } from "../src/drawing/projection.js";
import { assertNear } from "./cases.js";

const straight = { yaw: 0, pitch: 0, target: [0, 0, 3000], distance: 3000 };

test("without a turn the view is the camera's", () => {
  const project = projector(straight, 100);
  // 1.6 x 100 px of focal length over 3 m; x is right and y down.
  const { x, y, depth } = project([300, 150, 3000]);
  assertNear([x, y, depth], [16, 8, 3000], 1e-9);
});

test("a turn to the right shows what was far away on the left", () => {
  const project = projector({ ...straight, yaw: Math.PI / 2 }, 100);
  const { x, depth } = project([0, 0, 4000]);
  assert.ok(x < 0);
  assertNear(depth, 3000, 1e-9);
});

test("from above, what is far away is higher on the screen", () => {
  const project = projector({ ...straight, pitch: 0.5 }, 100);
  assert.ok(project([0, 0, 4000]).y < project([0, 0, 2000]).y);
  // And what is up is nearer.
  assert.ok(project([0, -500, 3000]).depth < 3000);
});

test("what is behind the viewer is not shown", () => {
  assert.equal(projector(straight, 100)([0, 0, -100]), null);
});

test("all of the people are inside the view", () => {
  const points = [
    [-900, -1500, 2000],
    [800, 900, 6000],
    [0, 0, 4000],
  ];
  const project = projector(orbitAround(points), 100);
  for (const { x, y } of points.map(project)) {
    assert.ok(Math.abs(x) < 50 && Math.abs(y) < 50, `${x}, ${y}`);
  }
});
