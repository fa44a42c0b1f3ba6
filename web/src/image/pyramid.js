/** Halves images as OpenCV's `pyrDown` does, to the last bit. */

/**
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number,
 *   height: number}} Pixels RGBA, row by row.
 */

/**
 * An image blurred by the 5 x 5 Gaussian 1 4 6 4 1, every second pixel kept.
 * @param {Pixels} image
 * @returns {Pixels} Its colours; alpha is not computed.
 */
export function halved(image) {
  const { data, width, height } = image;
  const newWidth = (width + 1) >> 1;
  const newHeight = (height + 1) >> 1;
  const rows = new Int32Array(newWidth * height * 3);
  // Where the five neighbours of each pixel are, in a row of the image.
  const columns = Int32Array.from({ length: newWidth * 5 }, (_, i) => {
    const x = (i / 5) | 0;
    return 4 * mirrored(2 * x + (i % 5) - 2, width);
  });
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * width * 4;
    for (let at = 0; at < columns.length; at += 5) {
      const a = row + columns[at];
      const b = row + columns[at + 1];
      const c = row + columns[at + 2];
      const d = row + columns[at + 3];
      const e = row + columns[at + 4];
      for (let channel = 0; channel < 3; channel++) {
        rows[to++] =
          data[a + channel] +
          4 * data[b + channel] +
          6 * data[c + channel] +
          4 * data[d + channel] +
          data[e + channel];
      }
    }
  }
  const halvedData = new Uint8ClampedArray(newWidth * newHeight * 4);
  const stride = newWidth * 3;
  for (let y = 0; y < newHeight; y++) {
    const [a, b, c, d, e] = [-2, -1, 0, 1, 2].map(
      (step) => mirrored(2 * y + step, height) * stride,
    );
    let to = y * newWidth * 4;
    for (let from = 0; from < stride; from += 3, to += 4) {
      for (let channel = 0; channel < 3; channel++) {
        const i = from + channel;
        const total =
          rows[a + i] +
          4 * rows[b + i] +
          6 * rows[c + i] +
          4 * rows[d + i] +
          rows[e + i];
        halvedData[to + channel] = (total + 128) >> 8;
      }
    }
  }
  return { data: halvedData, width: newWidth, height: newHeight };
}

/**
 * An index mirrored at the border without repeating the border's own (OpenCV's
 * BORDER_REFLECT_101).
 * @param {number} index
 * @param {number} count
 * @returns {number}
 */
function mirrored(index, count) {
  if (count === 1) return 0;
  // An image of two pixels is mirrored more than once.
  while (index < 0 || index >= count) {
    index = index < 0 ? -index : 2 * count - 2 - index;
  }
  return index;
}
