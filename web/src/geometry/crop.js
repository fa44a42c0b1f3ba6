/**
 * From a person's box to the network's square input, and back.
 *
 * A crop of an upright image is one zoom and one shift, so it is kept as these
 * three numbers in place of a matrix.
 */

/**
 * @typedef {[number, number, number, number]} Box x, y, width, height in px,
 *   counted from the image's corner.
 * @typedef {{zoom: number, shiftX: number, shiftY: number}} Crop The map from
 *   image pixels to pixels of the crop.
 */

/**
 * The box whose crop is the whole image, what it lacks of a square black.
 * @param {number} width px
 * @param {number} height px
 * @param {number} margin How much more than the box the crop shows.
 * @returns {Box}
 */
export function boxOfImage(width, height, margin) {
  const side = Math.max(width, height) / margin;
  return [(width - side) / 2, (height - side) / 2, side, side];
}

/**
 * The map from image pixels to pixels of the square crop of a box.
 * @param {Box} box
 * @param {number} size Side of the crop, px.
 * @param {number} margin How much more than the box the crop shows.
 * @returns {Crop}
 */
export function cropFromImage([x, y, width, height], size, margin) {
  const zoom = size / (Math.max(width, height) * margin);
  const middle = (size - 1) / 2;
  return {
    zoom,
    shiftX: middle - zoom * (x + width / 2 - 0.5),
    shiftY: middle - zoom * (y + height / 2 - 0.5),
  };
}

/**
 * A point of the crop, in the image.
 * @param {Crop} crop
 * @param {number[]} point x, y in px of the crop.
 * @returns {[number, number]} px
 */
export function imageFromCrop(crop, [x, y]) {
  return [(x - crop.shiftX) / crop.zoom, (y - crop.shiftY) / crop.zoom];
}
