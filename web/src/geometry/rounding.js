/**
 * Rounds to the nearest whole number, and a half to the even one, as NumPy and
 * OpenCV do.
 * @param {number} value
 * @returns {number}
 */
export function roundHalfEven(value) {
  const rounded = Math.round(value);
  const isTie = Math.abs(value % 1) === 0.5;
  return isTie && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
