//! The types of a JSON-RPC client: every name with its input and output, timestamps as the strings they are on the wire.

use super::printer::{Printer, docs, head, procedure_docs};
use crate::describe::{about::About, schemas::Schemas};

const SHAPE: &str = "\
//
// Here are: the named types, among them `ErrorCode`, `Issue` and `ErrorData` (what is in `error.data`); `NoInput`; and
// `Procedures`, with a member for every name, old names included:
//
//   \"namespace.name\": { kind: \"query\" | \"mutation\" | \"subscription\"; input: …; output: … }
//
// `void` is among the inputs of a procedure that can be called without. The output of a subscription is one event.
// Timestamps are strings: RFC 3339, in UTC, with milliseconds.

/** No input at all, or an empty object. */
export type NoInput = Record<string, never>;

";

/// The module `procedures.ts`.
pub fn module(schemas: &Schemas<'_>, about: &About, content_hash: &str) -> String {
    let printer = Printer { moment: "string" };
    let mut text = head(about, content_hash) + SHAPE;
    text += &printer.declarations(&schemas.types);
    text += "/** Every procedure under each of its names. */\nexport interface Procedures {\n";
    for described in &schemas.procedures {
        let procedure = described.procedure;
        text += &procedure_docs(described, "  ");
        text += &format!(
            "  \"{}\": {{ kind: \"{}\"; input: {}; output: {} }};\n",
            procedure.name,
            procedure.kind.as_str(),
            printer.input(&described.input, "NoInput | void", "  "),
            printer.expression(&described.output, "  "),
        );
        if let Some(old_name) = procedure.old_name {
            text += &docs("  ", None, Some(procedure.name));
            text += &format!("  \"{old_name}\": Procedures[\"{}\"];\n", procedure.name);
        }
    }
    text + "}\n"
}
