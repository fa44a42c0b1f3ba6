/**
 * The field of view that a camera writes into its JPEG files, by the rules of
 * `keras_pose/media/exif.py`.
 *
 * Source: CIPA DC-008 (EXIF 2.32), 4.6.6; CIPA DCG-001 for the focal length in
 * 35 mm film.
 */

const START_OF_IMAGE = 0xffd8;
const APP1 = 0xffe1;
const START_OF_SCAN = 0xffda;
const EXIF = 0x45786966; // "Exif"

const EXIF_FOLDER = 0x8769;
const FOCAL_LENGTH = 0x920a;
const WIDTH = 0xa002;
const HEIGHT = 0xa003;
const FOCAL_PLANE_X_RESOLUTION = 0xa20e;
const FOCAL_PLANE_RESOLUTION_UNIT = 0xa210;
const FOCAL_LENGTH_IN_35_MM_FILM = 0xa405;

const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;

const FILM_DIAGONAL_MM = Math.hypot(36, 24);
// Millimetres in the units of a sensor's resolution.
const UNIT_MM = new Map([
  [2, 25.4],
  [3, 10],
  [4, 1],
  [5, 1e-3],
]);
const DEFAULT_UNIT = 2;
// From a fisheye's to a telescope's: what is outside is no focal length.
const LEAST_FILM_MM = 4;
const MOST_FILM_MM = 5000;

/** @typedef {Map<number, number>} Tags Those that are positive numbers. */

/**
 * The field of view of a photo.
 * @param {Uint8Array} bytes Of its file.
 * @param {number} width px, of the picture that is upright
 * @param {number} height px
 * @returns {{degrees: number, from: string} | null} Degrees across the longer
 *   side; null where EXIF does not say, says nonsense, or is of a picture that
 *   was cropped since.
 */
export function fieldOfViewOf(bytes, width, height) {
  const tags = tagsOf(bytes);
  const scale = scaleSince(tags, width, height);
  if (scale === null) return null;
  const diagonal = Math.hypot(width, height);
  const found = focalFromFilm(tags, diagonal) ?? focalFromSensor(tags, scale);
  if (found === null) return null;
  const { focal, from } = found;
  const filmMm = (focal * FILM_DIAGONAL_MM) / diagonal;
  if (!(filmMm >= LEAST_FILM_MM && filmMm <= MOST_FILM_MM)) return null;
  const half = Math.atan(Math.max(width, height) / (2 * focal));
  return { degrees: (half * 360) / Math.PI, from: `EXIF: ${from}` };
}

/**
 * Focal length in px by that in 35 mm film, which is the one of an equal
 * diagonal.
 * @param {Tags} tags
 * @param {number} diagonal px
 */
function focalFromFilm(tags, diagonal) {
  const filmMm = tags.get(FOCAL_LENGTH_IN_35_MM_FILM);
  if (filmMm === undefined) return null;
  const focal = (filmMm / FILM_DIAGONAL_MM) * diagonal;
  return { focal, from: `${filmMm} mm in 35 mm film` };
}

/**
 * Focal length in px by the sensor's pixels per millimetre.
 * @param {Tags} tags
 * @param {number} scale
 */
function focalFromSensor(tags, scale) {
  const focalMm = tags.get(FOCAL_LENGTH);
  const resolution = tags.get(FOCAL_PLANE_X_RESOLUTION);
  const unit = tags.get(FOCAL_PLANE_RESOLUTION_UNIT) ?? DEFAULT_UNIT;
  const unitMm = UNIT_MM.get(unit);
  if (!focalMm || !resolution || !unitMm) return null;
  const perMm = resolution / unitMm;
  const from =
    `${Number(focalMm.toPrecision(6))} mm, a sensor of ` +
    `${Number(perMm.toPrecision(4))} pixels per mm`;
  return { focal: focalMm * perMm * scale, from };
}

/**
 * How much a picture was resized since it was taken.
 * @param {Tags} tags
 * @param {number} width px
 * @param {number} height px
 * @returns {number | null} Null where it was cropped.
 */
function scaleSince(tags, width, height) {
  const taken = [tags.get(WIDTH), tags.get(HEIGHT)];
  const [across, down] = taken;
  if (across === undefined || down === undefined) return 1;
  // A side is rounded up or down to whole pixels.
  const slack = 1 / across + 1 / down;
  // Some programs turn a picture and leave the numbers as they were.
  const isWhole = [
    [width, height],
    [height, width],
  ].some(([x, y]) => Math.abs(x / across - y / down) <= slack);
  return isWhole ? Math.hypot(width, height) / Math.hypot(across, down) : null;
}

/**
 * @param {Uint8Array} bytes Of a file.
 * @returns {Tags} None where there is no EXIF, or a damaged one.
 */
function tagsOf(bytes) {
  try {
    const tiff = tiffOf(bytes);
    if (tiff === null) return new Map();
    const isLittle = tiff.getUint16(0) === 0x4949;
    const first = folderAt(tiff, tiff.getUint32(4, isLittle), isLittle);
    const exif = first.get(EXIF_FOLDER);
    return exif === undefined ? first : folderAt(tiff, exif, isLittle);
  } catch (error) {
    // Lengths that lead out of the file: damaged EXIF says nothing.
    if (error instanceof RangeError) return new Map();
    throw error;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {DataView | null} The TIFF structure that EXIF is.
 */
function tiffOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.byteLength < 4 || view.getUint16(0) !== START_OF_IMAGE) return null;
  for (let at = 2; at + 4 <= view.byteLength;) {
    const marker = view.getUint16(at);
    if (marker < 0xff00 || marker === START_OF_SCAN) return null;
    const length = view.getUint16(at + 2);
    if (marker === APP1 && length > 8 && view.getUint32(at + 4) === EXIF) {
      return new DataView(bytes.buffer, bytes.byteOffset + at + 10, length - 8);
    }
    at += 2 + Math.max(length, 2);
  }
  return null;
}

/**
 * @param {DataView} tiff
 * @param {number} start Of the folder.
 * @param {boolean} isLittle
 * @returns {Tags}
 */
function folderAt(tiff, start, isLittle) {
  /** @type {Tags} */
  const tags = new Map();
  const count = tiff.getUint16(start, isLittle);
  for (let entry = 0; entry < count; entry++) {
    const at = start + 2 + 12 * entry;
    const value = numberAt(tiff, at, isLittle);
    if (value > 0 && value < Infinity) {
      tags.set(tiff.getUint16(at, isLittle), value);
    }
  }
  return tags;
}

/**
 * The number of an entry, NaN where it is none.
 * @param {DataView} tiff
 * @param {number} at
 * @param {boolean} isLittle
 */
function numberAt(tiff, at, isLittle) {
  const type = tiff.getUint16(at + 2, isLittle);
  if (tiff.getUint32(at + 4, isLittle) !== 1) return NaN;
  if (type === SHORT) return tiff.getUint16(at + 8, isLittle);
  const long = tiff.getUint32(at + 8, isLittle);
  if (type === LONG) return long;
  if (type !== RATIONAL) return NaN;
  return tiff.getUint32(long, isLittle) / tiff.getUint32(long + 4, isLittle);
}
