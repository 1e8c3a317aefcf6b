// Must not compile, which proves that the checks work. Each of the last three lines has an error.
import type { AppRouter } from "../../../../clients/app-router.js";
import { trpc } from "../links.js";

export const text: string = await trpc.user.me.query().then(({ createdAt }) => createdAt);
export const created = trpc.k8s.create.mutate({ name: "one" });
export const router: AppRouter = {};
