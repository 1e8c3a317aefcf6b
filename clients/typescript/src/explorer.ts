// What the server's web page, the explorer, uses of this package. tests/e2e/explorer-client bundles it.
export { ClusterdeskError } from "./error.js";
export { post } from "./http.js";
export { Live } from "./live.js";
export { failure, outcome, request } from "./message.js";
export { newKey, REPETITIONS, repeat } from "./repeat.js";
export { Watcher } from "./watcher.js";
