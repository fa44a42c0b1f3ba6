/** The field of view that a camera writes into its JPEG files. */

const START_OF_IMAGE = 0xffd8;
const APP1 = 0xffe1;
const START_OF_SCAN = 0xffda;
const EXIF = 0x45786966; // "Exif"
const EXIF_FOLDER = 0x8769;
const FOCAL_LENGTH_IN_35_MM_FILM = 0xa405;
const SHORT = 3;
const DIAGONAL_OF_FILM = 43.267; // mm, CIPA DCG-001
const LONGEST = 5000; // mm

/**
 * Focal length in 35 mm film, by the diagonal.
 * @param {Uint8Array} bytes Of a file.
 * @returns {number | null} mm; null where the file does not say.
 */
export function focalLength35(bytes) {
  try {
    const tiff = exifOf(bytes);
    return tiff && focalLengthIn(tiff);
  } catch (error) {
    // Lengths that lead out of the file: damaged EXIF says nothing.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/**
 * @param {number} focalLength mm in 35 mm film.
 * @param {number} width px
 * @param {number} height px
 * @returns {number} Degrees across the longer side.
 */
export function fieldOfView35(focalLength, width, height) {
  const diagonal = Math.hypot(width, height);
  const focal = (focalLength / DIAGONAL_OF_FILM) * diagonal;
  const half = Math.atan(Math.max(width, height) / (2 * focal));
  return (half * 360) / Math.PI;
}

/**
 * @param {Uint8Array} bytes
 * @returns {DataView | null} The TIFF structure that EXIF is.
 */
function exifOf(bytes) {
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
 * @returns {number | null}
 */
function focalLengthIn(tiff) {
  const isLittle = tiff.getUint16(0) === 0x4949;
  const folder = valueOf(tiff, tiff.getUint32(4, isLittle), EXIF_FOLDER);
  if (folder === null) return null;
  const focal = valueOf(tiff, folder, FOCAL_LENGTH_IN_35_MM_FILM);
  return focal !== null && focal > 0 && focal < LONGEST ? focal : null;

  /** @param {DataView} view @param {number} start @param {number} wanted */
  function valueOf(view, start, wanted) {
    const count = view.getUint16(start, isLittle);
    for (let entry = 0; entry < count; entry++) {
      const at = start + 2 + 12 * entry;
      if (view.getUint16(at, isLittle) !== wanted) continue;
      return view.getUint16(at + 2, isLittle) === SHORT
        ? view.getUint16(at + 8, isLittle)
        : view.getUint32(at + 8, isLittle);
    }
    return null;
  }
}
