//! The OpenRPC document, compared with the registry that it is generated from.

use std::{collections::BTreeSet, sync::Arc};

use clusterdesk::kernel::documents;
use procedures::{Catalogue, Kind};
use serde_json::{Value, json};

use crate::support::{Described, catalogue, document};

fn registry() -> Arc<Catalogue> {
    catalogue()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

/// The constraints of a schema at any depth, such as `minLength 1`.
fn constraints(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match schema {
        Value::Object(members) => {
            for (key, value) in members {
                match key.as_str() {
                    "description" | "title" => {}
                    // `int64` and similar formats name Rust types and are not in JSON Schema.
                    "format" if *value != "date-time" => {}
                    // An optional enum allows null as one of its values or outside the list.
                    "enum" => found
                        .extend(value.as_array().unwrap().iter().filter(|v| !v.is_null()).map(|v| format!("enum {v}"))),
                    "type" => {
                        let kinds = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
                        found.extend(kinds.iter().map(|kind| format!("type {kind}")));
                    }
                    "minLength" | "maxLength" | "pattern" | "minimum" | "maximum" | "format" => {
                        found.insert(format!("{key} {value}"));
                    }
                    _ => found.extend(constraints(value)),
                }
            }
        }
        Value::Array(items) => found.extend(items.iter().flat_map(constraints)),
        _ => {}
    }
    found
}

#[test]
fn the_document_lists_exactly_the_registered_names() {
    let (registry, document) = (registry(), document());
    let methods = document["methods"].as_array().unwrap();
    assert_eq!(sorted(methods.iter().map(|method| method["name"].as_str().unwrap())), sorted(registry.names()));
    for procedure in registry.procedures() {
        let method = document.method(procedure.name);
        let documented = json!([
            method["summary"],
            method["x-kind"],
            method["x-access"],
            method["x-bucket"],
            method["x-old-name"],
            method["x-consequence"]
        ]);
        let registered = json!([
            procedure.docs,
            procedure.kind,
            procedure.access,
            procedure.bucket,
            procedure.old_name,
            procedure.consequence
        ]);
        assert_eq!(documented, registered, "{}", procedure.name);
        assert!(procedure.docs.ends_with('.'), "{}: {}", procedure.name, procedure.docs);
        assert_eq!(method["tags"], json!([{"name": procedure.name.split('.').next()}]));
        let Some(old_name) = procedure.old_name else { continue };
        let old = document.method(old_name);
        assert_eq!((&old["deprecated"], &old["x-canonical-name"]), (&json!(true), &json!(procedure.name)));
        let common = |method: &Value| {
            let mut method = method.as_object().unwrap().clone();
            method.retain(|key, _| {
                !["name", "deprecated", "tags", "x-canonical-name", "x-old-name"].contains(&key.as_str())
            });
            method
        };
        assert_eq!(common(old), common(method), "{old_name} differs from {}", procedure.name);
    }
}

#[test]
fn the_document_has_every_constraint_that_inputs_are_checked_against() {
    let document = document();
    for procedure in registry().procedures() {
        let checked = procedure.input.document();
        let fields = checked["properties"].as_object().unwrap();
        let params = document.method(procedure.name)["params"].as_array().unwrap();
        assert_eq!(sorted(params.iter().map(|param| param["name"].as_str().unwrap())), sorted(fields.keys()));
        for param in params {
            let name = param["name"].as_str().unwrap();
            let required = checked["required"].as_array().is_some_and(|required| required.contains(&param["name"]));
            assert_eq!(param["required"], required, "{} of {}", name, procedure.name);
            let documented = constraints(&document.resolve(&param["schema"]));
            assert_eq!(documented, constraints(&fields[name]), "{name} of {}", procedure.name);
        }
    }
    let name = document.parameter("k8s.create", "name");
    let expected = json!({"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-z0-9-]+$"});
    assert!(expected.as_object().unwrap().iter().all(|(keyword, value)| name["schema"][keyword] == *value), "{name}");
    let plan = constraints(&document.resolve(&document.parameter("k8s.create", "plan")["schema"]));
    assert!(["FREE", "PRO", "BUSINESS"].iter().all(|plan_name| plan.contains(&format!("enum \"{plan_name}\""))));
}

/// What `members` are called, in their order.
fn names(members: &Value) -> Vec<&str> {
    members.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn fields_are_listed_as_their_type_declares_them_but_required_parameters_come_first() {
    let document = document();
    let params = |method: &str| -> Vec<String> {
        let params = document.method(method)["params"].as_array().unwrap();
        params.iter().map(|param| param["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(params("k8s.create"), ["name", "location", "plan", "id"]);
    assert_eq!(params("admin.setRole"), ["userId", "role"]);
    assert_eq!(params("k8s.watch"), ["lastEventId", "userId", "clusterId", "plan", "status"]);
    let properties = |kind: &str| names(&document["components"]["schemas"][kind]["properties"]);
    assert_eq!(properties("Issue"), ["path", "code", "message"]);
    assert_eq!(properties("User"), ["id", "name", "email", "image", "role", "createdAt"]);
    // As the answer writes them.
    let example = &document.method("user.me")["examples"][0]["result"]["value"];
    assert_eq!(names(example), properties("User"));
    for method in document["methods"].as_array().unwrap() {
        let params = method["params"].as_array().unwrap();
        let optional = params.iter().skip_while(|param| param["required"] == true);
        assert!(optional.clone().all(|param| param["required"] == false), "{}", method["name"]);
    }
}

/// People see the explanation, in forms and in errors, and not the pattern.
#[test]
fn every_pattern_is_explained_in_words() {
    fn patterns<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
        if value["pattern"].is_string() {
            found.push(value);
        }
        let members = value.as_object().into_iter().flat_map(|object| object.values());
        members.chain(value.as_array().into_iter().flatten()).for_each(|inner| patterns(inner, found));
    }
    let document = document();
    let mut found = Vec::new();
    patterns(&document, &mut found);
    assert!(found.len() >= 4, "{}", found.len());
    for schema in found {
        let message = schema["x-message"].as_str().unwrap();
        // It follows the path in a sentence.
        assert!(message.starts_with("must ") || message.starts_with("may "), "{schema}");
    }
}

#[test]
fn a_method_documents_exactly_the_errors_that_it_may_return() {
    let document = document();
    for procedure in registry().procedures() {
        let errors = document.method(procedure.name)["errors"].as_array().unwrap();
        let errors: Vec<Value> = errors.iter().map(|error| document.resolve(error)).collect();
        let registered = procedure.expected_errors().map(|code| {
            let data = json!({"code": code, "httpStatus": code.http_status()});
            (code.as_str().to_owned(), json!(code.number()), data)
        });
        let documented = errors.iter().map(|error| {
            assert!(error["message"].as_str().unwrap().ends_with('.'));
            (error["data"]["code"].as_str().unwrap().to_owned(), error["code"].clone(), error["data"].clone())
        });
        assert_eq!(documented.collect::<Vec<_>>(), registered.collect::<Vec<_>>(), "{}", procedure.name);
    }
    let codes = |name: &str| document.method(name)["errors"].to_string();
    assert!(codes("k8s.create").contains("/CONFLICT") && codes("k8s.create").contains("/PAYMENT_REQUIRED"));
    assert!(codes("k8s.list").contains("/UNAUTHORIZED") && !codes("rpc.discover").contains("/UNAUTHORIZED"));
}

#[test]
fn named_types_are_defined_once_and_referenced() {
    let document = document();
    let types = document["components"]["schemas"].as_object().unwrap();
    for name in ["Cluster", "Customer", "User", "Plan", "Status", "Role", "ClusterPage", "ErrorData", "Issue"] {
        assert!(types.contains_key(name), "{name}");
    }
    // schemars appends a number when two types have the same name.
    assert!(types.keys().all(|name| name.chars().all(|char| char.is_ascii_alphabetic())), "{:?}", types.keys());
    assert_eq!(document.method("k8s.get")["result"]["schema"], json!({"$ref": "#/components/schemas/Cluster"}));
    assert_eq!(types["Cluster"]["properties"]["status"], json!({"$ref": "#/components/schemas/Status"}));
    // Optional output fields are written as null and not omitted.
    assert!(types["Cluster"]["required"].as_array().unwrap().contains(&json!("deletedAt")));
    // Panics on a reference that leads nowhere.
    document.resolve(&document);
}

#[test]
fn a_subscription_returns_an_id_and_documents_its_events() {
    let (registry, document) = (registry(), document());
    let subscriptions = registry.procedures().filter(|procedure| procedure.kind == Kind::Subscription);
    let names: Vec<&str> = subscriptions.map(|procedure| procedure.name).collect();
    assert_eq!(names, ["k8s.watch", "admin.watchAudit"]);
    for (name, event) in names.into_iter().zip(["ClusterChange", "AuditChange"]) {
        let method = document.method(name);
        assert_eq!(method["result"]["schema"], json!({"type": "string"}));
        assert_eq!(method["x-event"]["schema"], json!({"$ref": format!("#/components/schemas/{event}")}));
        assert!(method["x-event"]["examples"].as_array().is_some_and(|examples| !examples.is_empty()));
    }
}

#[test]
fn the_content_hash_covers_the_text_without_the_hash() {
    let documents = documents(&registry()).unwrap();
    for document in [&documents.openrpc, &documents.app_router, &documents.procedures] {
        assert!(document.text.contains(&document.content_hash));
        let digest = <sha2::Sha256 as sha2::Digest>::digest(document.text.replace(&document.content_hash, ""));
        assert_eq!(data_encoding::HEXLOWER.encode(&digest), document.content_hash);
    }
    let parsed: Described = document();
    assert_eq!(parsed["info"]["x-content-hash"], documents.openrpc.content_hash);
    assert_eq!((&parsed["openrpc"], &parsed["info"]["version"]), (&json!("1.4.0"), &json!(env!("CARGO_PKG_VERSION"))));
}
