//! What differs between the types of tRPC's clients 11 and 10: which types of `@trpc/server` a router is built from.

/// A version of tRPC's client.
#[derive(Clone, Copy, Debug)]
pub struct TrpcVersion {
    /// The first lines.
    pub imports: &'static str,
    /// The types of procedures, on top of `ErrorShape` and `Tracked`.
    pub types: &'static str,
    /// The type of a transformer: superjson, and none.
    pub transformers: (&'static str, &'static str),
    /// What is before the members of the router, and what is after them.
    pub router: (&'static str, &'static str),
    /// What is before the members of a namespace, and what is after them.
    pub namespace: (&'static str, &'static str),
    /// The output of a subscription that can't resume, around the type of its event.
    pub events: (&'static str, &'static str),
}

/// `@trpc/client` 11.
pub const ELEVEN: TrpcVersion = TrpcVersion {
    imports: r#"// @trpc/client 11

import type {
  inferRouterInputs,
  inferRouterOutputs,
  TRPCBuiltRouter,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";

"#,
    types: r#"
interface Types<Input, Output> {
  meta: unknown;
  input: Input;
  output: Output;
  errorShape: ErrorShape;
}

type QueryOf<Input, Output> = TRPCQueryProcedure<Types<Input, Output>>;
type MutationOf<Input, Output> = TRPCMutationProcedure<Types<Input, Output>>;
type SubscriptionOf<Input, Event> = TRPCSubscriptionProcedure<Types<Input, AsyncIterable<Tracked<Event>>>>;

"#,
    transformers: ("true", "false"),
    router: ("TRPCBuiltRouter<Root, {", "}>"),
    namespace: ("{", "}"),
    events: ("TRPCSubscriptionProcedure<Types<", "AsyncIterable<"),
};

/// `@trpc/client` 10.
pub const TEN: TrpcVersion = TrpcVersion {
    imports: r#"// @trpc/client 10: httpLink, httpBatchLink and wsLink. Its stream link has another format than that of client 11.

import type {
  CreateRouterInner,
  inferRouterInputs,
  inferRouterOutputs,
  Procedure,
  ProcedureParams,
  RootConfig,
} from "@trpc/server";
import type { Observable } from "@trpc/server/observable";

"#,
    types: r#"
type Config = RootConfig<Root>;
type Params<Input, Output> = ProcedureParams<Config, unknown, Input, Input, Output, Output, unknown>;

type QueryOf<Input, Output> = Procedure<"query", Params<Input, Output>>;
type MutationOf<Input, Output> = Procedure<"mutation", Params<Input, Output>>;
type Events<Event> = Observable<Event, unknown>;
type SubscriptionOf<Input, Event> = Procedure<"subscription", Params<Input, Events<Tracked<Event>>>>;

"#,
    transformers: ("import(\"@trpc/server\").DataTransformer", "import(\"@trpc/server\").DefaultDataTransformer"),
    router: ("CreateRouterInner<Config, {", "}>"),
    namespace: ("CreateRouterInner<Config, {", "}>"),
    events: ("Procedure<\"subscription\", Params<", "Events<"),
};
