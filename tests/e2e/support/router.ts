export type { AppRouter } from "../../../clients/app-router.js";
