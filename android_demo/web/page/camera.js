// The camera: one video element that is not shown.

const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });

const REASONS = {
  NotAllowedError: "camera access is denied: allow it in the browser's site settings",
  NotFoundError: "no camera was found: choose a photo",
  NotReadableError: "another program is using the camera: close it and start the camera again",
};

/**
 * Start a camera and return its MediaStream.
 *
 * @param {"user" | "environment"} facing Front or back.
 * @throws {Error} One line that says why there is no camera.
 */
export async function startStream(facing) {
  if (!navigator.mediaDevices) throw new Error("the camera requires https:// or localhost");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: facing, width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    throw new Error(REASONS[error.name] ?? `the camera cannot be started: ${error.message}`);
  }
  video.srcObject = stream;
  await video.play();
  return stream;
}

/** Stop a camera. */
export function stopStream(stream) {
  stream.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

/** Wait for the camera's next frame, or until a hidden page becomes visible; returns the video element. */
export async function nextFrame() {
  await new Promise((resolve) => {
    if (document.hidden) document.addEventListener("visibilitychange", resolve, { once: true });
    else if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
  });
  return video;
}
