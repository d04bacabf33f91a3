// What `fer-convert --android` wrote: read, and each file held to its hash.

/** Reads the files of an export; every one is checked against the manifest. */
export class Export {
  /** Read the manifest at `url`, a folder ending in "/". */
  static async open(url) {
    const manifest = await (await fetched(`${url}manifest.json`)).json();
    if (manifest.schema !== 1) {
      throw new Error(`the export's schema must be 1, but is ${manifest.schema}`);
    }
    return new Export(url, manifest);
  }

  constructor(url, manifest) {
    this.url = url;
    this.manifest = manifest;
  }

  /** Return the models that LiteRT.js takes, the default one first. */
  get models() {
    const { models, default: first } = this.manifest;
    return models
      .filter((model) => model.runtime === "litert" && model.io === "float32")
      .sort((a, b) => (b.name === first) - (a.name === first));
  }

  /** Return a file's bytes. */
  async bytes(file) {
    const data = await (await fetched(this.url + file)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    if (sha256 !== this.manifest.sha256[file]) {
      throw new Error(`${file} has sha256 ${sha256.slice(0, 12)}..., not the manifest's: export again`);
    }
    return new Uint8Array(data);
  }

  /** Return a model's sidecar, which must be that of its file. */
  async sidecar(model) {
    const sidecar = JSON.parse(new TextDecoder().decode(await this.bytes(`${model.file}.json`)));
    const { input, output, schema, sha256 } = sidecar;
    if (schema !== 1 || output !== "logits" || input.color !== "grey"
        || input.resize !== "area-then-bilinear" || sha256 !== this.manifest.sha256[model.file]) {
      throw new Error(`${model.file}.json describes another model than this page can run`);
    }
    return sidecar;
  }
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is not there (${response.status}): run \`make web\``);
  return response;
}
