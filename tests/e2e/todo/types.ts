// The types that the example serves. This file is only compiled.
import type { TRPCClientError } from "@trpc/client";
import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import type { AppRouter } from "todo-router";
import { same } from "../consumer/same.ts";
import type { Client, Todo } from "./clients.ts";

type Inputs = inferRouterInputs<AppRouter>["todo"];
type Outputs = inferRouterOutputs<AppRouter>["todo"];

same<Todo, { id: number; title: string; done: boolean }>(true);
same<Outputs["list"], Todo[]>(true);
same<Inputs["add"], { title: string }>(true);
same<Outputs["add"], Todo>(true);
same<Inputs["finish"], { id: number }>(true);
same<Outputs["finish"], Todo>(true);

export async function use(client: Client, error: TRPCClientError<AppRouter>) {
  const [first] = await client.todo.list.query();
  same<typeof first, Todo | undefined>(true);
  client.todo.watch.subscribe(undefined, {
    // Without ids, because the subscription takes no `lastEventId`.
    onData: (todo) => {
      same<typeof todo, Todo>(true);
    },
  });
  // @ts-expect-error a field is missing
  client.todo.add.mutate({});
  // @ts-expect-error no such field
  client.todo.add.mutate({ title: "a", colour: "blue" });
  // @ts-expect-error an id is a number
  client.todo.finish.mutate({ id: "1" });
  // @ts-expect-error a mutation is not a query
  client.todo.add.query({ title: "a" });
  // @ts-expect-error a subscription is not a query
  client.todo.watch.query();
  // @ts-expect-error no such procedure
  client.todo.remove.mutate({ id: 1 });
  return error.data?.code === "NOT_FOUND";
}
