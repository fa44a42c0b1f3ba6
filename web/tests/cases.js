/** What Python computes; `tests/web/make_cases.py` writes it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const CASES = JSON.parse(
  readFileSync(new URL("cases.json", import.meta.url), "utf-8"),
);

/** @param {string} base64 @returns {Uint8Array} */
export function bytesOf(base64) {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** An RGB image of the cases that can be read in parts, as RGBA. */
export function pictureOf({ width, height, image }) {
  const rgb = bytesOf(image);
  const read = (x0, y0, partWidth, partHeight) => {
    assert.ok(x0 >= 0 && y0 >= 0 && partWidth > 0 && partHeight > 0);
    assert.ok(x0 + partWidth <= width && y0 + partHeight <= height);
    const data = new Uint8ClampedArray(partWidth * partHeight * 4).fill(255);
    for (let y = 0; y < partHeight; y++) {
      for (let x = 0; x < partWidth; x++) {
        const from = 3 * ((y0 + y) * width + x0 + x);
        data.set(rgb.subarray(from, from + 3), 4 * (y * partWidth + x));
      }
    }
    return data;
  };
  return { width, height, read };
}

/** Asserts that two nests of numbers are equal but for rounding. */
export function assertNear(found, expected, tolerance, where = "") {
  if (Array.isArray(expected)) {
    assert.equal(found?.length, expected.length, where);
    expected.forEach((value, i) =>
      assertNear(found[i], value, tolerance, `${where}[${i}]`),
    );
  } else if (typeof expected === "number") {
    assert.ok(
      Math.abs(found - expected) <= tolerance,
      `${where}: ${found} is not ${expected}`,
    );
  } else {
    assert.deepEqual(found, expected, where);
  }
}
