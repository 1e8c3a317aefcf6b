// Must not compile: shows that the checks beside it do check. Three mistakes, one a line.
import type { AppRouter } from "../../../../clients/app-router.js";
import { trpc } from "../links.js";

export const text: string = await trpc.user.me.query().then(({ createdAt }) => createdAt);
export const created = trpc.k8s.create.mutate({ name: "one" });
export const router: AppRouter = {};
