import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldOfView35, focalLength35 } from "../src/image/exif.js";
import { assertNear, bytesOf, CASES } from "./cases.js";

for (const { name, bytes, focal_length } of CASES.exif) {
  test(`the focal length is read as Pillow does: ${name}`, () => {
    assert.equal(focalLength35(bytesOf(bytes)), focal_length);
  });
}

test("EXIF that is cut off anywhere says nothing, or the truth", () => {
  const bytes = bytesOf(CASES.exif[0].bytes);
  for (let length = 0; length < bytes.length; length++) {
    const found = focalLength35(bytes.slice(0, length));
    assert.ok(found === null || found === CASES.exif[0].focal_length);
  }
});

test("a lens as long as the film's diagonal sees 45.2 degrees across 3 to 2", () => {
  // The longer side is 3 / sqrt(13) of the diagonal: 2 atan(0.41603).
  assertNear(fieldOfView35(43.267, 3000, 2000), 45.1771, 1e-4);
  assertNear(fieldOfView35(43.267, 2000, 3000), 45.1771, 1e-4);
});
