/** Pictures of files, videos and cameras. */

const MOST_PIXELS = 89_478_485; // as in Python

/**
 * @typedef {{width: number, height: number, image: ImageBitmap}} Frame Whoever
 *   holds the last reference closes the image.
 */

/**
 * Decodes a photo, turned upright and with its colours untouched.
 * @param {Blob} file
 * @returns {Promise<Frame>}
 * @throws {Error} A sentence.
 */
export async function decodePhoto(file) {
  let image;
  try {
    image = await createImageBitmap(file, {
      colorSpaceConversion: "none",
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
    });
  } catch (error) {
    throw new Error("This browser cannot read the file as a picture.", {
      cause: error,
    });
  }
  if (image.width * image.height > MOST_PIXELS) {
    image.close();
    throw new Error(`A picture must have at most ${MOST_PIXELS} pixels.`);
  }
  return frameOf(image);
}

/** @param {ImageBitmap} image @returns {Frame} */
export function frameOf(image) {
  return { width: image.width, height: image.height, image };
}
