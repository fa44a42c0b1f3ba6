/** Zooms and shifts an image as OpenCV's `warpAffine` does. */

import { roundHalfEven } from "../geometry/rounding.js";

// OpenCV's own: coordinates in 1/1024 px, rounded to 1/32 px.
const COORDINATE_BITS = 10;
const FRACTION_BITS = 5;
const FRACTIONS = 1 << FRACTION_BITS;
const WEIGHT_BITS = 2 * FRACTION_BITS;

/**
 * The square crop of an image, bilinear; what lies outside the image is black.
 * @param {import("./pyramid.js").Pixels} image
 * @param {import("../geometry/crop.js").Crop} crop
 * @param {number} size Side of the crop, px.
 * @param {[number, number]} start x and y of the image's first pixel, where the
 *   crop is that of a larger one.
 * @returns {Uint8Array<ArrayBuffer>} (size, size, 3) RGB.
 */
export function warped(image, crop, size, [startX, startY] = [0, 0]) {
  const { data, width, height } = image;
  const columns = columnSources(crop, size).map((x) => x - FRACTIONS * startX);
  const rows = rowSources(crop, size).map((y) => y - FRACTIONS * startY);
  const pixels = new Uint8Array(size * size * 3);
  const half = 1 << (WEIGHT_BITS - 1);
  const sums = new Int32Array(3);
  let to = 0;
  for (let y = 0; y < size; y++) {
    const top = rows[y] >> FRACTION_BITS;
    const down = rows[y] & (FRACTIONS - 1);
    for (let x = 0; x < size; x++, to += 3) {
      const left = columns[x] >> FRACTION_BITS;
      const right = columns[x] & (FRACTIONS - 1);
      for (let corner = 0; corner < 4; corner++) {
        const fromX = left + (corner & 1);
        const fromY = top + (corner >> 1);
        if (fromX < 0 || fromY < 0 || fromX >= width || fromY >= height) {
          continue;
        }
        const weight =
          (corner & 1 ? right : FRACTIONS - right) *
          (corner >> 1 ? down : FRACTIONS - down);
        const from = 4 * (fromY * width + fromX);
        sums[0] += weight * data[from];
        sums[1] += weight * data[from + 1];
        sums[2] += weight * data[from + 2];
      }
      for (let channel = 0; channel < 3; channel++) {
        pixels[to + channel] = (sums[channel] + half) >> WEIGHT_BITS;
        sums[channel] = 0;
      }
    }
  }
  return pixels;
}

/**
 * Where the crop's columns come from, in 1/32 px: OpenCV rounds the start and
 * each step by itself.
 * @param {import("../geometry/crop.js").Crop} crop
 * @param {number} size
 * @returns {Int32Array}
 */
function columnSources({ zoom, shiftX }, size) {
  const step = stepOf(zoom);
  const start = fixed(-step * shiftX);
  return Int32Array.from({ length: size }, (_, x) =>
    inFractions(start + fixed(step * x)),
  );
}

/**
 * Where the crop's rows come from, in 1/32 px: OpenCV rounds their sum.
 * @param {import("../geometry/crop.js").Crop} crop
 * @param {number} size
 * @returns {Int32Array}
 */
function rowSources({ zoom, shiftY }, size) {
  const step = stepOf(zoom);
  return Int32Array.from({ length: size }, (_, y) =>
    inFractions(fixed(step * y - step * shiftY)),
  );
}

/**
 * Image pixels for each of the crop's, as OpenCV inverts a matrix: where that is
 * half of a 1/1024, the last bit decides which way it is rounded.
 * @param {number} zoom
 */
function stepOf(zoom) {
  return zoom * (1 / (zoom * zoom));
}

/** @param {number} px */
function fixed(px) {
  return roundHalfEven(px * (1 << COORDINATE_BITS));
}

/** @param {number} coordinate */
function inFractions(coordinate) {
  const dropped = COORDINATE_BITS - FRACTION_BITS;
  return (coordinate + (1 << (dropped - 1))) >> dropped;
}
