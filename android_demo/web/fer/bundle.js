// Reads an export of `fer-convert --android` and verifies each file's hash.

/** Schema number of the sidecars that this library can read. */
export const SIDECAR_SCHEMA = 1;
/** Name of the only resize method, as a sidecar states it. */
export const RESIZE = "area-then-bilinear";
const MANIFEST_SCHEMA = 1;

/** Reads the files of an export; each file's hash is checked against the manifest. */
export class Export {
  /** Read the manifest of an export; `url` is its folder and ends in "/". */
  static async open(url) {
    const manifest = await (await fetched(`${url}manifest.json`)).json();
    if (manifest.schema !== MANIFEST_SCHEMA) {
      throw new Error(`the export's schema must be ${MANIFEST_SCHEMA}, but is ${manifest.schema}`);
    }
    return new Export(url, manifest);
  }

  constructor(url, manifest) {
    this.url = url;
    this.manifest = manifest;
  }

  /** Return the models that LiteRT.js can run, the default one first. */
  get models() {
    const { models, default: first } = this.manifest;
    return models
      .filter((model) => model.runtime === "litert" && model.io === "float32")
      .sort((a, b) => (b.name === first) - (a.name === first));
  }

  /**
   * Return one of `models`, by default the first.
   *
   * @param {string} name
   * @throws {Error} If there is no such model.
   */
  model(name = this.models[0].name) {
    const found = this.models.find((model) => model.name === name);
    if (!found) {
      throw new Error(
        `no model "${name}": there are ${this.models.map((model) => model.name).join(", ")}`);
    }
    return found;
  }

  /** Return a file's bytes; throws if their hash is not the manifest's. */
  async bytes(file) {
    const data = await (await fetched(this.url + file)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (sha256 !== this.manifest.sha256[file]) {
      throw new Error(`${file} does not match the manifest (sha256 ${sha256.slice(0, 12)}...): export again`);
    }
    return new Uint8Array(data);
  }

  /** Return a model's sidecar; throws if it belongs to another file or is unsupported. */
  sidecar(model) {
    return this.checked(model.file, ({ input, output }) =>
      output === "logits" && input.color === "grey" && input.resize === RESIZE);
  }

  /** Return the face detector's sidecar; throws as `sidecar`. */
  detectorSidecar() {
    return this.checked(this.manifest.detector, ({ detector, input }) =>
      detector === "yunet" && input.color === "bgr");
  }

  async checked(file, isSupported) {
    const sidecar = JSON.parse(new TextDecoder().decode(await this.bytes(`${file}.json`)));
    if (sidecar.schema !== SIDECAR_SCHEMA || sidecar.sha256 !== this.manifest.sha256[file]
        || !isSupported(sidecar)) {
      throw new Error(`${file}.json describes a model that this library cannot run`);
    }
    return sidecar;
  }
}

async function fetched(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${url} cannot be loaded (${error.message}): is there a network connection?`);
  }
  if (!response.ok) throw new Error(`${url} was not found (${response.status})`);
  return response;
}
