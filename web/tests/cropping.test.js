import assert from "node:assert/strict";
import { test } from "node:test";

import {
  boxOfImage,
  cropFromImage,
  imageFromCrop,
} from "../src/geometry/crop.js";
import { cropImage, halvingsFor } from "../src/image/cropping.js";
import { halved } from "../src/image/pyramid.js";
import { assertNear, bytesOf, CASES, pictureOf } from "./cases.js";

const picture = pictureOf(CASES.picture);

for (const { name, box, size, margin, crop_from_image, crop } of CASES.crops) {
  test(`the crop of a box is Python's, pixel by pixel: ${name}`, () => {
    const map = cropFromImage(box, size, margin);
    const matrix = [
      [map.zoom, 0, map.shiftX],
      [0, map.zoom, map.shiftY],
      [0, 0, 1],
    ];
    assertNear(matrix, crop_from_image, 1e-9);
    assert.deepEqual(cropImage(picture, map, size), bytesOf(crop));
  });
}

test("the cases halve not at all, once and three times", () => {
  const counts = CASES.crops.map(({ box, size, margin }) =>
    halvingsFor(picture, cropFromImage(box, size, margin).zoom),
  );
  assert.deepEqual(new Set(counts), new Set([0, 1, 2, 3]));
});

test("a part of the image is enough", () => {
  let read = 0;
  const counting = {
    ...picture,
    read: (...part) => {
      read = part[2] * part[3];
      return picture.read(...part);
    },
  };
  cropImage(counting, cropFromImage([40, 20, 10, 10], 24, 1.2), 24);
  assert.ok(read > 0 && read < 30 * 30, `${read} pixels`);
});

test("a crop outside the image is black", () => {
  const map = cropFromImage([500, 20, 10, 10], 24, 1.2);
  assert.ok(cropImage(picture, map, 24).every((value) => value === 0));
});

test("an image of one pixel's width can be halved", () => {
  const data = new Uint8Array(4 * 5).fill(90);
  const { width, height, data: small } = halved({ data, width: 1, height: 5 });
  assert.deepEqual([width, height], [1, 3]);
  assert.equal(small[0], 90);
});

test("the box of the whole image gives a crop of its longer side", () => {
  const map = cropFromImage(boxOfImage(97, 62, 1.2), 97, 1.2);
  assertNear(map.zoom, 1, 1e-12);
  assertNear([map.shiftX, map.shiftY], [0, 17.5], 1e-12);
});

test("points go back from the crop to the image", () => {
  const map = cropFromImage([11, 3, 33, 50], 24, 1.2);
  // The crop's centre is the box's; pixels are counted from their centres.
  assertNear(imageFromCrop(map, [11.5, 11.5]), [27, 27.5], 1e-9);
});
