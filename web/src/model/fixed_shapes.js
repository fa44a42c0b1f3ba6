/**
 * Makes a TFLite model one of a single image.
 *
 * An export takes any number of images: the shapes of its tensors begin with
 * -1. The browser's runtime refuses such a model, whatever it is fed, so each
 * unknown length becomes 1 in memory. Slots are numbered as in TensorFlow
 * Lite's `schema.fbs`.
 */

const MODEL_SUBGRAPHS = 2;
const SUBGRAPH_TENSORS = 0;
const TENSOR_SHAPE_SIGNATURE = 7;

/**
 * @param {Uint8Array} model Bytes of the model; changed.
 * @throws {RangeError} They are no model.
 */
export function fixShapes(model) {
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength);
  const root = view.getUint32(0, true);
  for (const graph of tables(view, root, MODEL_SUBGRAPHS)) {
    for (const tensor of tables(view, graph, SUBGRAPH_TENSORS)) {
      for (const length of vector(view, tensor, TENSOR_SHAPE_SIGNATURE)) {
        if (view.getInt32(length, true) === -1) view.setInt32(length, 1, true);
      }
    }
  }
}

/**
 * Places of the tables in a vector of tables.
 * @param {DataView} view
 * @param {number} table
 * @param {number} slot
 */
function tables(view, table, slot) {
  return vector(view, table, slot).map((at) => at + view.getUint32(at, true));
}

/**
 * Places of the elements of a vector of 4-byte elements.
 * @param {DataView} view
 * @param {number} table Place of the table that has it.
 * @param {number} slot Of the vector in the table.
 * @returns {number[]}
 */
function vector(view, table, slot) {
  const slots = table - view.getInt32(table, true);
  const at = 4 + 2 * slot;
  const offset =
    at < view.getUint16(slots, true) ? view.getUint16(slots + at, true) : 0;
  if (offset === 0) return [];
  const start = table + offset + view.getUint32(table + offset, true);
  const count = view.getUint32(start, true);
  if (start + 4 + 4 * count > view.byteLength) {
    throw new RangeError("the model is damaged");
  }
  return Array.from({ length: count }, (_, i) => start + 4 + 4 * i);
}
