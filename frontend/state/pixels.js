// A photo as pixels.

import * as api from "../api/api.js";

/**
 * The photo's pixels as the server saw them. A JPEG is decoded here, which spares fetching it; of other formats, and
 * where the browser turns or sizes it otherwise, the server's own picture is taken.
 * @param {Blob} blob @param {Analysis} analysis
 */
export async function pixelsOf(blob, { id, image }) {
  const start = new Uint8Array(await blob.slice(0, 3).arrayBuffer());
  const isJpeg = start[0] === 0xff && start[1] === 0xd8 && start[2] === 0xff;
  const own = isJpeg ? await createImageBitmap(blob).catch(() => null) : null;
  if (own && own.width === image?.width && own.height === image.height) return own;
  return createImageBitmap(await api.photo(id));
}
