/** Where in front of the camera a pose stands, when nobody says. */

// Depths that are searched, mm: from a hand's reach to across a stadium.
const NEAREST = 200;
const FARTHEST = 200_000;
const HALVINGS = 40; // of the range of depths, to a billionth of the depth
const BOX_PASSES = 22;
const CLEARANCE = 100; // mm between the camera and a pose's nearest joint
const LEAST_SQUARE = 1e-12; // mm^2: a bone of no length has no direction

/**
 * The root depth at which the bones are as long as people's are.
 *
 * A joint at relative depth d on the ray n is at n (Z + d), so every bone grows
 * with the root depth Z; the answer is the Z at which their summed length is
 * the expected one.
 * @param {number[][]} rays (J, 2) x / z and y / z.
 * @param {number[]} relativeDepth (J) mm behind the root.
 * @param {[number, number][]} bones (parent, child) index pairs.
 * @param {number[]} boneLengthsMm (J) of the bone that ends at each joint; 0
 *   where it is not known.
 * @returns {number} mm along the optical axis.
 */
export function rootDepthFromBoneLengths(
  rays,
  relativeDepth,
  bones,
  boneLengthsMm,
) {
  const points = rays.map(([x, y]) => [x, y, 1]);
  const known = bones.filter(([, child]) => boneLengthsMm[child] > 0);
  const expected = sum(known.map(([, child]) => boneLengthsMm[child]));
  // A bone is growth * Z + start.
  const lines = known.map(([parent, child]) => ({
    growth: points[child].map((v, axis) => v - points[parent][axis]),
    start: points[child].map(
      (v, axis) =>
        v * relativeDepth[child] - points[parent][axis] * relativeDepth[parent],
    ),
  }));
  let [low, high] = [NEAREST, FARTHEST];
  for (let pass = 0; pass < HALVINGS; pass++) {
    const middle = Math.sqrt(low * high);
    let total = 0;
    let slope = 0;
    for (const { growth, start } of lines) {
      const bone = growth.map((v, axis) => v * middle + start[axis]);
      const length = Math.sqrt(dot(bone, bone) + LEAST_SQUARE);
      total += length;
      slope += dot(bone, growth) / length;
    }
    // The sum is convex in Z: past its least value it only grows.
    if (total > expected && slope > 0) high = middle;
    else low = middle;
  }
  return high;
}

/**
 * The root's place at which the pose fills its box.
 *
 * A joint at X + t and depth d + Z is seen at or left of u if X - u d + t is at
 * most u Z. So the joints that touch two opposite edges of the box tell Z in
 * closed form; a few steps of Newton's then bring the centre to the box's.
 * @param {number[][]} joints (J, 3) mm, relative to the root.
 * @param {import("./crop.js").Box} box Tight on the joints.
 * @param {import("./camera.js").Intrinsics} intrinsics
 * @returns {number[]} x, y, z in mm, camera frame: the projected joints have
 *   the box's centre and the box's longer side; or the box's centre alone where
 *   that would bring a joint nearer than 100 mm.
 */
export function rootFromBox(joints, box, intrinsics) {
  const [low, high] = edgesOfSquare(box, intrinsics);
  const nearest = CLEARANCE - Math.min(...joints.map((joint) => joint[2]));
  const reach = [0, 1].map((axis) => {
    const right = joints.map((j) => j[axis] - high[axis] * j[2]);
    const left = joints.map((j) => j[axis] - low[axis] * j[2]);
    const extent = Math.max(...right) - Math.min(...left);
    return extent / (high[axis] - low[axis]);
  });
  const depth = Math.max(...reach, nearest);
  const inverse = joints.map((joint) => 1 / (joint[2] + depth));
  return [0, 1]
    .map((axis) => {
      let shift = ((low[axis] + high[axis]) / 2) * depth;
      for (let pass = 0; pass < BOX_PASSES; pass++) {
        const seen = joints.map((j, row) => (j[axis] + shift) * inverse[row]);
        const [first, last] = [indexOfLeast(seen), indexOfMost(seen)];
        shift +=
          (low[axis] + high[axis] - seen[first] - seen[last]) /
          (inverse[first] + inverse[last]);
      }
      return shift;
    })
    .concat(depth);
}

/**
 * Left and upper, right and lower edge of the square around a box.
 * @param {import("./crop.js").Box} box
 * @param {import("./camera.js").Intrinsics} intrinsics
 * @returns {[number[], number[]]} x / z and y / z; the square's side is the
 *   box's longer one.
 */
function edgesOfSquare([x, y, width, height], intrinsics) {
  const half = Math.max(width, height) / 2;
  const centre = [
    x + width / 2 - 0.5 - intrinsics.centreX,
    y + height / 2 - 0.5 - intrinsics.centreY,
  ];
  return [
    centre.map((v) => (v - half) / intrinsics.focal),
    centre.map((v) => (v + half) / intrinsics.focal),
  ];
}

/** @param {number[]} a @param {number[]} b */
function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

/** @param {number[]} values */
function indexOfLeast(values) {
  return values.indexOf(Math.min(...values));
}

/** @param {number[]} values */
function indexOfMost(values) {
  return values.indexOf(Math.max(...values));
}
