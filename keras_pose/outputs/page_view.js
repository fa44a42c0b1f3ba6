// Where the 3D scene is seen from, and how large it may be for that.

const UP = { x: 0, y: 0, z: 1 };
// Plotly's, by which a scene is 1 high at a distance of 1.2.
const HALF_FIELD = Math.tan(Math.PI / 8);
const LABELS = { across: 72, upright: 54 }; // px beside the box, for its labels

const perspective = (eye) => ({
  camera: { eye, up: UP, center: { x: 0, y: 0, z: -0.08 }, projection: { type: "perspective" } },
});

/** Along an axis, so that nothing is shortened: its own numbers are hidden. */
const flat = (hidden, eye) => ({
  hidden,
  camera: { eye, up: UP, center: { x: 0, y: 0, z: 0 }, projection: { type: "orthographic" } },
});

// From as far as nothing of a deep scene lies behind the eye; not quite along
// the axis, for Plotly to write numbers at the left and below.
const VIEWS = {
  corner: perspective({ x: 0.85, y: -1.7, z: 0.6 }),
  front: flat("yaxis", { x: 0.001, y: -30, z: -0.001 }),
  right: flat("xaxis", { x: 30, y: 0, z: 0 }),
  above: flat("zaxis", { x: 0, y: -0.001, z: 30 }),
};

/**
 * Lengths of the axes as Plotly has them, a millimetre as long on each: the
 * largest with which the whole box is in view, and its labels beside it.
 */
function aspectThatFits(bounds, { camera }, width, height) {
  const lengths = bounds.map(([low, high]) => high - low);
  const ratio = width / height;
  const most = [
    ratio * Math.max(0.3, 1 - (2 * LABELS.across) / width),
    Math.max(0.3, 1 - (2 * LABELS.upright) / height),
  ];
  let [low, high] = [0, 0.01]; // of a millimetre
  for (let i = 0; i < 24; i += 1) {
    const middle = (low + high) / 2;
    const furthest = boxOnScreen(lengths.map((length) => length * middle), camera);
    if (furthest.every((value, axis) => value <= most[axis])) low = middle;
    else high = middle;
  }
  const [x, y, z] = lengths.map((length) => length * low);
  return { x, y, z };
}

/** How far from the middle of the screen a box reaches: across, upright. */
function boxOnScreen(lengths, { eye, center, up, projection }) {
  const forward = unit(minus(vector(center), vector(eye)));
  const right = unit(cross(forward, vector(up)));
  const upright = cross(right, forward);
  const furthest = [0, 0];
  for (let corner = 0; corner < 8; corner += 1) {
    const place = lengths.map((length, axis) => ((corner >> axis) & 1 ? length : -length) / 2);
    const seen = minus(place, vector(eye));
    const depth = dot(seen, forward);
    const zoom = projection.type === "orthographic" ? 1 : 1 / (HALF_FIELD * depth);
    [right, upright].forEach((axis, i) => {
      const reach = depth > 0 ? Math.abs(dot(seen, axis) * zoom) : Infinity;
      furthest[i] = Math.max(furthest[i], reach);
    });
  }
  return furthest;
}

/** Whether two cameras look the same way, within a degree. */
function isSameDirection(first, second) {
  const [a, b] = [first, second].map(({ eye, center }) => unit(minus(vector(center), vector(eye))));
  return dot(a, b) > Math.cos(Math.PI / 180);
}

const vector = ({ x, y, z }) => [x, y, z];
const minus = (a, b) => a.map((value, i) => value - b[i]);
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
const unit = (a) => a.map((value) => value / Math.hypot(...a));
