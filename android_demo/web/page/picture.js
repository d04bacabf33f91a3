// The canvas: image, boxes and labels.

const canvas = document.getElementById("picture");
const empty = document.getElementById("empty");

/**
 * Draw an image with its faces.
 *
 * @param {ImageBitmap} image
 * @param {object[]} faces
 * @param {boolean} isMirrored Whether to show the image as a mirror does.
 */
export function drawPicture(image, faces, isMirrored) {
  // Each assignment of a size allocates a new buffer.
  if (canvas.width !== image.width) canvas.width = image.width;
  if (canvas.height !== image.height) canvas.height = image.height;
  const context = canvas.getContext("2d");
  if (isMirrored) context.setTransform(-1, 0, 0, 1, canvas.width, 0);
  context.drawImage(image, 0, 0);
  context.resetTransform();
  const unit = Math.max(canvas.width, canvas.height) / 320;
  context.lineWidth = 2 * unit;
  context.font = `600 ${11 * unit}px system-ui, sans-serif`;
  for (const face of faces) {
    const [left, top, right, bottom] = face.box_xyxy;
    const x = isMirrored ? canvas.width - right : left;
    context.strokeStyle = "#4fd1a1";
    context.strokeRect(x, top, right - left, bottom - top);
    const changed = face.changed_to ? `, changed to ${face.changed_to}` : "";
    const text = `${face.label} ${Math.round(100 * face.confidence)} %${changed}`;
    const width = context.measureText(text).width + 8 * unit;
    const at = Math.max(0, Math.min(x - unit, canvas.width - width));
    const y = Math.max(top, 16 * unit);
    context.fillStyle = "#06251a";
    context.fillRect(at, y - 15 * unit, width, 15 * unit);
    context.fillStyle = "#fff";
    context.fillText(text, at + 4 * unit, y - 4 * unit);
  }
  empty.hidden = true;
  const descriptions = faces.map((face) => `a face that looks ${face.label}`);
  canvas.setAttribute(
    "aria-label", descriptions.length ? `Image with ${descriptions.join(", ")}` : "No face found");
}

/** Remove the image. */
export function clearPicture() {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "No image yet");
  empty.hidden = false;
}
