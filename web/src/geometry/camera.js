/** The pinhole camera. A lens that bends lines is not modelled here. */

/**
 * @typedef {{focal: number, centreX: number, centreY: number}} Intrinsics px
 */

/** Degrees across the longer side of an ordinary photo. */
export const ORDINARY_FIELD_OF_VIEW = 55;

/**
 * A camera for an image about which nothing is known.
 * @param {number} degrees Field of view across the longer side.
 * @param {number} width px
 * @param {number} height px
 * @returns {Intrinsics}
 */
export function intrinsicsFromFieldOfView(degrees, width, height) {
  const half = (degrees * Math.PI) / 360;
  return {
    focal: Math.max(width, height) / (2 * Math.tan(half)),
    centreX: (width - 1) / 2,
    centreY: (height - 1) / 2,
  };
}

/**
 * Where a camera point is seen.
 * @param {number[]} point x, y, z in mm, z positive.
 * @param {Intrinsics} intrinsics
 * @returns {[number, number]} px
 */
export function imageFromCamera([x, y, z], { focal, centreX, centreY }) {
  return [(x / z) * focal + centreX, (y / z) * focal + centreY];
}

/**
 * The ray of a pixel.
 * @param {number[]} point px
 * @param {Intrinsics} intrinsics
 * @returns {[number, number]} x / z and y / z.
 */
export function rayFromImage([x, y], { focal, centreX, centreY }) {
  return [(x - centreX) / focal, (y - centreY) / focal];
}

/**
 * The (3, 3) matrix, row by row, as Python writes it.
 * @param {Intrinsics} intrinsics
 * @returns {number[][]}
 */
export function matrixOf({ focal, centreX, centreY }) {
  return [
    [focal, 0, centreX],
    [0, focal, centreY],
    [0, 0, 1],
  ];
}
