/**
 * Reads the zip at the end of an exported `.tflite` file.
 *
 * Members are stored as they are: a compressed one could be of any size, and
 * this project writes none.
 */

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MOST_COMMENT = 0xffff;
const MOST_BYTES = 1_000_000; // of a member

/**
 * @typedef {{start: number, members: Map<string, Uint8Array>}} Archive Where
 *   in the file the zip begins, and what it holds.
 */

/**
 * The zip at the end of a file.
 * @param {Uint8Array} bytes The whole file.
 * @returns {Archive}
 * @throws {Error} There is none, or it is damaged.
 */
export function readArchive(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOfDirectory(view);
  const count = view.getUint16(end + 10, true);
  const directoryBytes = view.getUint32(end + 12, true);
  const said = view.getUint32(end + 16, true);
  // Some writers count from the zip's own start.
  const moved = end - directoryBytes - said;
  if (moved < 0) throw new Error("the zip at its end is cut off");
  const members = new Map();
  let start = end - directoryBytes;
  let at = start;
  for (let entry = 0; entry < count; entry++) {
    if (
      at + ENTRY_BYTES > end ||
      view.getUint32(at, true) !== DIRECTORY_ENTRY
    ) {
      throw new Error("the zip at its end is damaged");
    }
    const nameBytes = view.getUint16(at + 28, true);
    const name = text(
      bytes.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes),
    );
    const header = view.getUint32(at + 42, true) + moved;
    members.set(name, readMember(bytes, view, at, header, name));
    start = Math.min(start, header);
    at +=
      ENTRY_BYTES +
      nameBytes +
      view.getUint16(at + 30, true) +
      view.getUint16(at + 32, true);
  }
  return { start, members };
}

/**
 * @param {Uint8Array} bytes
 * @returns {string}
 * @throws {Error} They are not UTF-8.
 */
export function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** @param {DataView} view */
function endOfDirectory(view) {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - MOST_COMMENT); at--) {
    if (
      view.getUint32(at, true) === END_OF_DIRECTORY &&
      view.getUint16(at + 20, true) === last - at
    ) {
      return at;
    }
  }
  throw new Error("there is no zip at its end");
}

/**
 * @param {Uint8Array} bytes
 * @param {DataView} view
 * @param {number} entry Place of its entry in the directory.
 * @param {number} header Place of its own header.
 * @param {string} name
 */
function readMember(bytes, view, entry, header, name) {
  const method = view.getUint16(entry + 10, true);
  const size = view.getUint32(entry + 24, true);
  if (method !== 0 || view.getUint32(entry + 20, true) !== size) {
    throw new Error(`${name} in it must not be compressed`);
  }
  if (size > MOST_BYTES) {
    throw new Error(`${name} in it must have at most ${MOST_BYTES} bytes`);
  }
  if (
    header + LOCAL_BYTES > bytes.length ||
    view.getUint32(header, true) !== LOCAL_HEADER
  ) {
    throw new Error(`${name} in it is damaged`);
  }
  const from =
    header +
    LOCAL_BYTES +
    view.getUint16(header + 26, true) +
    view.getUint16(header + 28, true);
  const member = bytes.subarray(from, from + size);
  if (
    member.length !== size ||
    crc32(member) !== view.getUint32(entry + 16, true)
  ) {
    throw new Error(`${name} in it is damaged`);
  }
  return member;
}

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}
