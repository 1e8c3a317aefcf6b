// The example in docs, and how this repository builds it.
import example from "../../../docs/examples/next.config.mjs";

export default {
  ...example,
  // `check` compiles the types, with the compiler of the whole suite.
  typescript: { ignoreBuildErrors: true },
  distDir: ".build",
};
