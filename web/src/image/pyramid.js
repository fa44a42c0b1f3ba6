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
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * width * 4;
    for (let x = 0; x < newWidth; x++) {
      const [a, b, c, d, e] = neighbours(2 * x, width);
      for (let channel = 0; channel < 3; channel++) {
        const from = row + channel;
        rows[to++] =
          data[from + 4 * a] +
          4 * data[from + 4 * b] +
          6 * data[from + 4 * c] +
          4 * data[from + 4 * d] +
          data[from + 4 * e];
      }
    }
  }
  const halvedData = new Uint8ClampedArray(newWidth * newHeight * 4);
  const stride = newWidth * 3;
  for (let y = 0; y < newHeight; y++) {
    const [a, b, c, d, e] = neighbours(2 * y, height).map((n) => n * stride);
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
 * Indices of a pixel and the two on each side of it, mirrored at the border
 * without repeating the border's own (OpenCV's BORDER_REFLECT_101).
 * @param {number} centre
 * @param {number} count
 * @returns {number[]}
 */
function neighbours(centre, count) {
  return [-2, -1, 0, 1, 2].map((step) => {
    let index = centre + step;
    if (count === 1) return 0;
    // An image of two pixels is mirrored more than once.
    while (index < 0 || index >= count) {
      index = index < 0 ? -index : 2 * count - 2 - index;
    }
    return index;
  });
}
