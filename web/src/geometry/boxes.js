/** Boxes of people: x, y, width, height in px, from the image's corner. */

/** @typedef {import("./crop.js").Box} Box */

/**
 * The box around joints, at least 1 px wide and high.
 * @param {number[][]} jointsPx (J, 2) px
 * @returns {Box}
 */
export function tightBox(jointsPx) {
  const [[x, width], [y, height]] = [0, 1].map((axis) => {
    const along = jointsPx.map((joint) => joint[axis]);
    const [low, high] = [Math.min(...along), Math.max(...along)];
    const size = Math.max(high - low, 1);
    return [(low + high) / 2 + 0.5 - size / 2, size];
  });
  return [x, y, width, height];
}

/** @param {Box} box @returns {[number, number]} */
export function middleOf([x, y, width, height]) {
  return [x + width / 2, y + height / 2];
}

/** @param {Box} box */
export function longerSide([, , width, height]) {
  return Math.max(width, height);
}

/**
 * A box about the same middle.
 * @param {Box} box
 * @param {number} factor
 * @returns {Box}
 */
export function enlarged(box, factor) {
  const [x, y] = middleOf(box);
  const [width, height] = [box[2] * factor, box[3] * factor];
  return [x - width / 2, y - height / 2, width, height];
}

/**
 * @param {Box} box
 * @param {number[]} by x and y, px.
 * @returns {Box}
 */
export function shifted([x, y, width, height], [across, down]) {
  return [x + across, y + down, width, height];
}

/** @param {Box} a @param {Box} b */
export function distanceOf(a, b) {
  const [[ax, ay], [bx, by]] = [middleOf(a), middleOf(b)];
  return Math.hypot(ax - bx, ay - by);
}

/**
 * Area that boxes have in common, px^2.
 * @param {Box} a
 * @param {Box} b
 */
function sharedArea(a, b) {
  const [across, down] = [0, 1].map((axis) =>
    Math.max(
      0,
      Math.min(a[axis] + a[axis + 2], b[axis] + b[axis + 2]) -
        Math.max(a[axis], b[axis]),
    ),
  );
  return across * down;
}

/** @param {Box} box */
function areaOf([, , width, height]) {
  return width * height;
}

/** Intersection over union, in [0, 1]. @param {Box} a @param {Box} b */
export function iouOf(a, b) {
  const shared = sharedArea(a, b);
  const union = areaOf(a) + areaOf(b) - shared;
  return union > 0 ? shared / union : 0;
}

/** Share of the smaller that the other covers. @param {Box} a @param {Box} b */
export function coverageOf(a, b) {
  const smaller = Math.min(areaOf(a), areaOf(b));
  return smaller > 0 ? sharedArea(a, b) / smaller : 0;
}

/**
 * Share of a box that lies in a picture.
 * @param {Box} box
 * @param {{width: number, height: number}} picture
 */
export function shareInside(box, { width, height }) {
  const area = areaOf(box);
  return area > 0 ? sharedArea(box, [0, 0, width, height]) / area : 0;
}
