#!/usr/bin/env node
// `npx fer-sdk-web copy FOLDER`: copies models and WebAssembly files to where an app serves them.

import { cpSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [command, folder, ...more] = process.argv.slice(2);
if (command !== "copy" || !folder || more.length) {
  console.error("usage: fer-sdk-web copy FOLDER");
  process.exit(2);
}
try {
  if (existsSync(folder) && !existsSync(`${folder}/manifest.json`)) {
    throw new Error(`${folder} exists and holds no manifest.json: choose a new folder`);
  }
  cpSync(fileURLToPath(new URL("assets", import.meta.url)), folder, { recursive: true });
} catch (error) {
  console.error(`the assets cannot be copied to ${folder}: ${error.message}`);
  process.exit(1);
}
console.log(folder);
