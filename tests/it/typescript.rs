//! The content of the generated TypeScript. tests/e2e compiles it.

use std::sync::{Arc, LazyLock};

use crate::support::catalogue;
use clusterdesk::kernel::documents;
use procedures::{Catalogue, Kind, describe::Documents};

static REGISTRY: LazyLock<Arc<Catalogue>> = LazyLock::new(catalogue);
static DOCUMENTS: LazyLock<Documents> = LazyLock::new(|| documents(&REGISTRY).unwrap());

/// The text between the first `begin` and the next `end`.
fn part<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{begin} is missing"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end} is missing after {begin}")).0
}

#[test]
fn the_router_type_has_every_procedure_under_every_name() {
    let router = part(&DOCUMENTS.app_router.text, "export type AppRouter", "\n}>;");
    for procedure in REGISTRY.procedures() {
        let wrapper = match procedure.kind {
            Kind::Query => "QueryOf",
            Kind::Mutation => "MutationOf",
            Kind::Subscription => "SubscriptionOf",
        };
        for name in std::iter::once(procedure.name).chain(procedure.old_name) {
            let (namespace, name) = name.split_once('.').unwrap();
            let members = part(router, &format!("\n  {namespace}: {{\n"), "\n  };");
            assert!(members.contains(&format!("    {name}: {wrapper}<")), "{namespace}.{name}");
            assert!(members.contains(procedure.docs), "{namespace}.{name} is not documented");
        }
    }
    let count = |text: &str| router.matches(text).count();
    assert_eq!(count("QueryOf<") + count("MutationOf<") + count("SubscriptionOf<"), REGISTRY.names().count());
    assert_eq!(count("@deprecated"), REGISTRY.procedures().filter(|procedure| procedure.old_name.is_some()).count());
}

#[test]
fn the_json_rpc_types_have_every_procedure_under_every_name() {
    let procedures = part(&DOCUMENTS.procedures.text, "export interface Procedures {\n", "\n}\n");
    for procedure in REGISTRY.procedures() {
        let head = format!("  \"{}\": {{ kind: \"{}\"; input: ", procedure.name, procedure.kind.as_str());
        assert!(procedures.contains(&head), "{head}");
        let Some(old_name) = procedure.old_name else { continue };
        let alias = format!("/** @deprecated Use {0}. */\n  \"{old_name}\": Procedures[\"{0}\"];", procedure.name);
        assert!(procedures.contains(&alias), "{alias}");
    }
}

#[test]
fn a_timestamp_is_a_date_for_trpc_and_a_string_for_json_rpc() {
    for (document, moment) in [(&DOCUMENTS.app_router, "Date"), (&DOCUMENTS.procedures, "string")] {
        let cluster = part(&document.text, "export interface Cluster {\n", "\n}");
        assert!(cluster.contains(&format!("  createdAt: {moment};\n")), "{cluster}");
        assert!(cluster.contains(&format!("  deletedAt: {moment} | null;")), "{cluster}");
        assert!(document.text.contains(&format!("    since?: {moment} | null | undefined;\n")));
    }
}

#[test]
fn an_input_is_optional_where_the_server_accepts_none() {
    let router = &DOCUMENTS.app_router.text;
    assert!(router.contains("    list: QueryOf<void, Cluster[]>;\n"));
    assert!(router.contains("    limit?: number | null | undefined;\n    } | void, ClusterPage>;\n"), "{router}");
    let create = part(router, "    create: MutationOf<{\n", "    }, ClusterCreated>;\n");
    assert!(create.contains("      name: string;\n") && create.contains("      plan?: Plan | null | undefined;\n"));
    assert!(router.contains("export type Plan = \"FREE\" | \"PRO\" | \"BUSINESS\";\n"));
    assert!(router.contains("}, Customer | null>;\n") || router.contains("} | void, Customer | null>;\n"));
}

#[test]
fn a_file_starts_with_its_hash_and_says_that_it_is_generated() {
    for document in [&DOCUMENTS.app_router, &DOCUMENTS.procedures] {
        let mut lines = document.text.lines();
        assert_eq!(lines.next(), Some(format!("// x-content-hash: {}", document.content_hash).as_str()));
        assert!(lines.next().unwrap().ends_with("generated from its registry. Do not edit."));
    }
}
