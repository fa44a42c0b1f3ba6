import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldOfViewOf } from "../src/image/exif.js";
import { assertNear, bytesOf, CASES } from "./cases.js";

for (const { name, bytes, width, height, focal, from } of CASES.exif) {
  test(`EXIF is believed as Python does: ${name}`, () => {
    const found = fieldOfViewOf(bytesOf(bytes), width, height);
    if (focal === null) {
      assert.equal(found, null);
      return;
    }
    assert.equal(found?.from, from);
    const half = (found.degrees * Math.PI) / 360;
    assertNear(width / (2 * Math.tan(half)), focal, 1e-9 * focal);
  });
}

test("EXIF that is cut off anywhere says nothing, or the truth", () => {
  const [{ bytes, width, height, from }] = CASES.exif;
  const whole = bytesOf(bytes);
  for (let length = 0; length < whole.length; length++) {
    const found = fieldOfViewOf(whole.slice(0, length), width, height);
    assert.ok(found === null || found.from === from);
  }
});
