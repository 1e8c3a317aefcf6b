//! `AppRouter` for tRPC's own client, built from the types that `@trpc/server` exports. Timestamps are `Date`s where
//! superjson decodes them, strings otherwise.

use super::{
    printer::{Printer, docs, head, procedure_docs},
    trpc_version::TrpcVersion,
};
use crate::{
    access::Kind,
    describe::{
        about::About,
        schemas::{Described, Schemas},
    },
    service::LAST_EVENT_ID,
    trpc::Transformer,
};

const SHAPES: &str = r#"/** The issues of an input, as zod's `flatten` arranges them. */
export interface ZodError {
  /** Of the input as a whole. */
  formErrors: string[];
  fieldErrors: Record<string, string[]>;
}

/** What a `TRPCClientError` has as its `shape`. */
export interface ErrorShape {
  message: string;
  code: number;
  data: ErrorData & { zodError: ZodError | null };
}

/** An event of a subscription, and the id to resume after. */
export interface Tracked<Event> {
  id: string;
  data: Event;
}

/**
 * Headers of an HTTP request with one mutation. Sent again with the same key, it is made once and gets the first answer, which then has
 * the header `Idempotency-Replayed: true`.
 */
export interface IdempotentHeaders {
  "Idempotency-Key": string;
}

/** What a mutation's message on a WebSocket may have beside `method`, to the same effect. */
export interface IdempotentMessage {
  idempotencyKey?: string | undefined;
}

/** What the `result` of such a message has beside `data`. */
export interface IdempotentResult {
  /** Whether the answer was given before. */
  idempotencyReplayed?: true | undefined;
}

"#;

const INFERRED: &str = r#"
/** The inputs of all procedures: `RouterInputs["k8s"]["create"]`. */
export type RouterInputs = inferRouterInputs<AppRouter>;

/** The outputs of all procedures. */
export type RouterOutputs = inferRouterOutputs<AppRouter>;
"#;

/// The module `app-router.d.ts`, for a version of tRPC's client.
pub fn module(schemas: &Schemas<'_>, about: &About, version: &TrpcVersion, content_hash: &str) -> String {
    let printer = Printer { moment: if transforms(about) { "Date" } else { "string" } };
    let mut text = head(about, content_hash) + version.imports;
    text += &printer.declarations(&schemas.types);
    text += SHAPES;
    text += &root(about, version);
    text += version.types;
    let (before, after) = version.router;
    text += &format!("export type AppRouter = {before}\n");
    for (namespace, members) in namespaces(schemas) {
        let (before, after) = version.namespace;
        text += &format!("  {namespace}: {before}\n");
        for member in members {
            text += &member.print(printer, version);
        }
        text += &format!("  {after};\n");
    }
    text + after + ";\n" + INFERRED
}

/// Whether tRPC's client needs a transformer.
fn transforms(about: &About) -> bool {
    about.transformer == Transformer::Superjson
}

fn root(about: &About, version: &TrpcVersion) -> String {
    let (superjson, plain) = version.transformers;
    let transformer = if transforms(about) { superjson } else { plain };
    let members = format!("  errorShape: ErrorShape;\n  transformer: {transformer};\n");
    format!("interface Root {{\n  ctx: object;\n  meta: object;\n{members}}}\n")
}

/// A procedure under one of its names.
struct Member<'s> {
    name: &'static str,
    described: &'s Described<'s>,
    is_old: bool,
}

/// The members of each namespace, both in the order of registration. An old name may be in another than its procedure.
fn namespaces<'s>(schemas: &'s Schemas<'_>) -> Vec<(&'static str, Vec<Member<'s>>)> {
    let mut namespaces: Vec<(&'static str, Vec<Member<'s>>)> = Vec::new();
    for described in &schemas.procedures {
        for full_name in std::iter::once(described.procedure.name).chain(described.procedure.old_name) {
            let (namespace, name) = full_name.split_once('.').unwrap_or(("", full_name));
            let member = Member { name, described, is_old: full_name != described.procedure.name };
            match namespaces.iter_mut().find(|(known, _)| *known == namespace) {
                Some((_, members)) => members.push(member),
                None => namespaces.push((namespace, vec![member])),
            }
        }
    }
    namespaces
}

impl Member<'_> {
    fn print(&self, printer: Printer, version: &TrpcVersion) -> String {
        let (before, around) = version.events;
        let Described { procedure, input, output } = self.described;
        let docs = match self.is_old {
            true => docs("    ", Some(procedure.docs), Some(procedure.name)),
            false => procedure_docs(self.described, "    "),
        };
        let resumable = input.pointer("/properties").is_some_and(|fields| fields.get(LAST_EVENT_ID).is_some());
        let (input, output) = (printer.input(input, "void", "    "), printer.expression(output, "    "));
        let printed = match procedure.kind {
            Kind::Query => format!("QueryOf<{input}, {output}>"),
            Kind::Mutation => format!("MutationOf<{input}, {output}>"),
            Kind::Subscription if resumable => format!("SubscriptionOf<{input}, {output}>"),
            Kind::Subscription => format!("{before}{input}, {around}{output}>>>"),
        };
        format!("{docs}    {}: {printed};\n", self.name)
    }
}
