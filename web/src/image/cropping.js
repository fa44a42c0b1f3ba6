/** Cuts what the network sees out of an image. */

import { halved } from "./pyramid.js";
import { warped } from "./warp.js";

// A crop that shows this many of its pixels for each of the image's, or fewer,
// is cut from the image halved. A little above a half, which a box often is
// exactly but for rounding.
const HALVING_ZOOM = 0.5 * (1 + 1e-6);

// Pixels beyond a crop that its own depend on, in the smallest halved image.
const REACH = 4;

// A part is halved as the whole image only while it is this large, px.
const LEAST_HALVED = 4;

/**
 * @typedef {{width: number, height: number, read: (x: number, y: number,
 *   width: number, height: number) => Uint8ClampedArray}} Picture An image of
 *   which any part can be read as RGBA.
 */

/**
 * The crop of an image, halved first where it is too fine, so that the crop
 * does not alias.
 *
 * Only the part of the image that the crop depends on is read and halved; the
 * result is that of the whole image.
 * @param {Picture} picture
 * @param {import("../geometry/crop.js").Crop} crop
 * @param {number} size Side of the crop, px.
 * @returns {Uint8Array<ArrayBuffer>} (size, size, 3) RGB.
 */
export function cropImage(picture, crop, size) {
  const halvings = halvingsFor(picture, crop.zoom);
  const step = 2 ** halvings;
  const [x, width] = span(crop.zoom, crop.shiftX, size, picture.width, step);
  const [y, height] = span(crop.zoom, crop.shiftY, size, picture.height, step);
  if (width <= 0 || height <= 0) return new Uint8Array(size * size * 3);
  /** @type {import("./pyramid.js").Pixels} */
  let image = { data: picture.read(x, y, width, height), width, height };
  for (let pass = 0; pass < halvings; pass++) image = halved(image);
  // Pixel i of a halved image lies on pixel 2 i of the finer one.
  const [left, top] = partOf(picture, crop, size);
  const ofPart = {
    zoom: crop.zoom * step,
    shiftX: crop.zoom * left + crop.shiftX,
    shiftY: crop.zoom * top + crop.shiftY,
  };
  return warped(image, ofPart, size, [(x - left) / step, (y - top) / step]);
}

/**
 * The first pixel of the part of a far finer image that Python cuts out before
 * it is halved, `images._part_shown`: OpenCV rounds places from there.
 * @param {{width: number, height: number}} image
 * @param {import("../geometry/crop.js").Crop} crop
 * @param {number} size
 * @returns {[number, number]}
 */
function partOf({ width, height }, { zoom, shiftX, shiftY }, size) {
  const shorter = Math.min(width, height);
  if (zoom > HALVING_ZOOM || !(zoom * shorter > LEAST_HALVED)) return [0, 0];
  const step = 2 ** Math.ceil(-Math.log2(zoom));
  const spans = [
    [shiftX, width],
    [shiftY, height],
  ].map(([shift, count]) => {
    const from = Math.floor((-1 - shift) / zoom) - REACH * step;
    const to = Math.ceil((size - shift) / zoom) + REACH * step;
    const cut = Math.floor(from / step) * step;
    const start = Math.min(Math.max(cut, 0), count - 1);
    const low = Math.floor(start / step) * step;
    return [low, Math.min(Math.max(to, low + step), count) - low];
  });
  const [[left, across], [top, down]] = spans;
  return Math.min(across, down) < LEAST_HALVED * step ? [0, 0] : [left, top];
}

/**
 * How often an image is halved before it is cropped.
 * @param {{width: number, height: number}} image
 * @param {number} zoom Crop pixels for each image pixel.
 * @returns {number}
 */
export function halvingsFor({ width, height }, zoom) {
  let count = 0;
  let shorter = Math.min(width, height);
  for (let finest = zoom; finest <= HALVING_ZOOM && shorter > 2; finest *= 2) {
    shorter = (shorter + 1) >> 1;
    count++;
  }
  return count;
}

/**
 * Start and length of the pixels along one axis that a crop depends on, the
 * start on the grid of the halved image.
 * @param {number} zoom
 * @param {number} shift
 * @param {number} size
 * @param {number} count Pixels of the image.
 * @param {number} step
 * @returns {[number, number]}
 */
function span(zoom, shift, size, count, step) {
  const reach = REACH * step;
  const first = Math.floor((-shift / zoom - reach) / step) * step;
  const last = Math.ceil(((size - shift) / zoom + reach) / step) * step;
  const start = Math.min(Math.max(first, 0), count);
  return [start, Math.min(last, count) - start];
}
