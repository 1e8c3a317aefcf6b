//! Traces of calls: what a collector receives of them, and what becomes of calls when it is away.

use serde_json::{Value, json};

use crate::support::{Backend, Builder, Client, Collector, Process, SeenSpan, Signal, Socket, TestApp, both_databases};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

async fn traced(builder: Builder, collector: &Collector) -> TestApp {
    builder.flag("otel-exporter-otlp-endpoint", &collector.url).start().await
}

/// Calls by JSON-RPC with a header of W3C Trace Context.
async fn call(client: &Client, traceparent: &str, message: Value) -> Value {
    let response = client.post().header("traceparent", traceparent).header("tracestate", "shop=1");
    let response = response.body(message.to_string()).send().await.unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

fn message(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

/// All spans, once the server has stopped.
async fn stopped(mut app: TestApp, collector: &Collector) -> Vec<SeenSpan> {
    app.stop();
    app.stopped().await;
    collector.spans()
}

/// Those of calls.
fn calls(spans: &[SeenSpan]) -> Vec<&SeenSpan> {
    spans.iter().filter(|span| span.kind == 2).collect()
}

fn children<'s>(spans: &'s [SeenSpan], parent: &SeenSpan) -> Vec<&'s SeenSpan> {
    spans.iter().filter(|span| span.parent == parent.id).collect()
}

both_databases! {
    async fn a_call_has_a_span_with_its_caller_its_waits_and_its_statements(builder: Builder) {
        let (collector, database) = (Collector::start().await, builder.database.backend);
        let app = traced(builder.flag("otel-service-name", "desk"), &collector).await;
        let create = json!({"name": "a-secret-name", "location": "eu"});
        let user = app.member("user_1");
        let created = call(&user, SAMPLED, message("a-request", "k8s.create", create)).await;
        assert!(created["result"]["id"].is_number(), "{created}");
        call(&user, SAMPLED, message(7, "k8s.list", json!({}))).await;
        let spans = stopped(app, &collector).await;
        let [create, list] = calls(&spans)[..] else { panic!("{spans:?}") };
        assert_eq!((create.name.as_str(), list.name.as_str()), ("k8s.create", "k8s.list"));
        for (span, id, statements) in [(create, "a-request", &["INSERT", "COMMIT"][..]), (list, "7", &["SELECT"])] {
            assert_eq!((span.trace.as_str(), span.parent.as_str(), span.state.as_str()), (TRACE, CALLER, "shop=1"));
            for (name, value) in [
                ("rpc.system.name", "jsonrpc"),
                ("rpc.method", span.name.as_str()),
                ("jsonrpc.protocol.version", "2.0"),
                ("jsonrpc.request.id", id),
                ("resource.service.name", "desk"),
                ("resource.service.version", env!("CARGO_PKG_VERSION")),
            ] {
                assert_eq!(span.attributes[name], value, "{name} of {span:?}");
            }
            assert_eq!(span.error, None);
            let children = children(&spans, span);
            let wait = children.iter().find(|child| child.name == "wait");
            assert!(wait.unwrap().attributes.contains_key("clusterdesk.lane"));
            for statement in statements {
                let child = children.iter().find(|child| child.name == *statement);
                let child = child.unwrap_or_else(|| panic!("no {statement} in {children:?}"));
                let system = if database == Backend::Sqlite { "sqlite" } else { "postgresql" };
                assert_eq!((child.kind, child.attributes["db.system.name"].as_str()), (3, system));
                assert_eq!(child.attributes["db.operation.name"], *statement);
                assert!(child.attributes["db.query.text"].starts_with(statement), "{child:?}");
                assert!(child.start >= span.start && child.end <= span.end, "{child:?} is not within {span:?}");
            }
        }
        let all = format!("{spans:?}");
        assert!(!all.contains("a-secret-name") && !all.contains("user_1"), "{all}");
    }

    async fn an_error_is_in_the_span_by_its_code(builder: Builder) {
        let collector = Collector::start().await;
        let app = traced(builder, &collector).await;
        let user = app.member("user_1");
        user.fail("NOT_FOUND", "k8s.get", json!({"id": 1})).await;
        user.fail("BAD_REQUEST", "k8s.create", json!({"name": "Secret!"})).await;
        user.fail("NOT_FOUND", "made.up", json!({})).await;
        app.anonymous().fail("UNAUTHORIZED", "k8s.list", json!({})).await;
        let spans = stopped(app, &collector).await;
        let told: Vec<_> = calls(&spans)
            .into_iter()
            .map(|span| {
                let number = span.attributes["rpc.response.status_code"].as_str();
                assert_eq!(span.error.as_ref(), Some(&span.attributes["error.type"]));
                let method = if span.name == "unknown" { "_OTHER" } else { span.name.as_str() };
                assert_eq!(span.attributes["rpc.method"], method);
                (span.name.as_str(), span.attributes["error.type"].as_str(), number)
            })
            .collect();
        assert_eq!(told, [
            ("k8s.get", "NOT_FOUND", "-32004"),
            ("k8s.create", "BAD_REQUEST", "-32602"),
            ("unknown", "NOT_FOUND", "-32601"),
            ("k8s.list", "UNAUTHORIZED", "-32001"),
        ]);
        let all = format!("{spans:?}");
        assert!(!all.contains("Secret") && !all.contains("made"), "{all}");
    }

    async fn calls_of_a_batch_are_siblings_each_with_its_statements(builder: Builder) {
        let collector = Collector::start().await;
        let app = traced(builder, &collector).await;
        let user = app.member("user_1");
        let batch: Vec<Value> = (1..=8).map(|id| message(id, "k8s.list", json!({}))).collect();
        call(&user, SAMPLED, Value::from(batch)).await;
        let url = format!("{}trpc-plain/k8s.count,user.me,made.up?batch=1", app.url);
        let request = user.http.get(url).bearer_auth(user.token.clone().unwrap()).header("traceparent", SAMPLED);
        assert_eq!(request.send().await.unwrap().status(), 207);
        let spans = stopped(app, &collector).await;
        let calls = calls(&spans);
        let mut ids: Vec<&str> =
            calls.iter().filter_map(|span| Some(span.attributes.get("jsonrpc.request.id")?.as_str())).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        let mut others: Vec<&str> =
            calls.iter().filter(|span| span.attributes["rpc.system.name"] == "trpc").map(|span| span.name.as_str()).collect();
        others.sort_unstable();
        assert_eq!(others, ["k8s.count", "unknown", "user.me"]);
        for span in calls {
            assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, CALLER));
            if span.name == "unknown" {
                assert_eq!(span.attributes["rpc.response.status_code"], "NOT_FOUND");
                continue;
            }
            let children = children(&spans, span);
            assert!(children.iter().any(|child| child.name == "SELECT"), "{span:?} has {children:?}");
            assert!(children.iter().any(|child| child.name == "wait"), "{span:?} has {children:?}");
        }
    }

    async fn calls_on_sockets_have_the_caller_of_the_handshake(builder: Builder) {
        let collector = Collector::start().await;
        let app = traced(builder, &collector).await;
        let bearer = format!("Bearer {}", app.member("user_1").token.unwrap());
        let headers = [("authorization", bearer.as_str()), ("traceparent", SAMPLED)];
        let mut socket = Socket::try_open(&app.url, &headers).await.unwrap();
        socket.call("k8s.list", json!({})).await;
        socket.call("user.me", json!({})).await;
        let mut trpc = Socket::try_open_at(&app.url, "trpc-plain", &headers).await.unwrap();
        trpc.send(r#"{"id":1,"method":"query","params":{"path":"k8s.count"}}"#).await;
        trpc.receive().await.unwrap();
        drop((socket, trpc));
        let spans = stopped(app, &collector).await;
        let names: Vec<&str> = calls(&spans).iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["k8s.list", "user.me", "k8s.count"]);
        assert!(calls(&spans).iter().all(|span| span.trace == TRACE && span.parent == CALLER), "{spans:?}");
    }

    async fn the_caller_decides_or_else_the_share(builder: Builder) {
        let collector = Collector::start().await;
        let app = traced(builder, &collector).await;
        let user = app.member("user_1");
        call(&user, UNSAMPLED, message(1, "k8s.list", json!({}))).await;
        for broken in ["", "nonsense", &SAMPLED.replace('-', "_"), &format!("{SAMPLED}-more")] {
            call(&user, broken, message(2, "k8s.count", json!({}))).await;
        }
        let spans = stopped(app, &collector).await;
        assert_eq!(calls(&spans).len(), 4, "{spans:?}");
        assert!(calls(&spans).iter().all(|span| span.name == "k8s.count" && span.parent.is_empty()), "{spans:?}");
    }

    async fn a_share_of_none_leaves_the_calls_that_callers_trace(builder: Builder) {
        let collector = Collector::start().await;
        let app = traced(builder.flag("otel-traces-sampler-arg", "0"), &collector).await;
        let user = app.member("user_1");
        user.call("k8s.list", json!({})).await;
        call(&user, SAMPLED, message(1, "k8s.count", json!({}))).await;
        let spans = stopped(app, &collector).await;
        let names: Vec<&str> = calls(&spans).iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["k8s.count"], "{spans:?}");
    }
}

fn count(page: &str, outcome: &str) -> u64 {
    let sample = format!("clusterdesk_trace_spans_total{{outcome=\"{outcome}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&sample)).unwrap_or_else(|| panic!("{page}")).parse().unwrap()
}

async fn metrics(url: &str) -> String {
    reqwest::get(format!("{url}metrics")).await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_of_a_traced_call_have_its_id_and_the_collector_gets_its_headers() {
    let (collector, folder) = (Collector::start().await, tempfile::tempdir().unwrap());
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2%20x, tenant=7"),
        ("LOG_FORMAT", "json"),
    ];
    let mut server = Process::serve(folder.path(), &settings);
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let admin = server.client(token.trim());
    call(&admin, SAMPLED, message(1, "user.me", json!({}))).await;
    call(&admin, UNSAMPLED, message(2, "k8s.list", json!({}))).await;
    crate::support::eventually(async || count(&metrics(&server.url).await, "sent") > 0).await;
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let log = server.log();
    let line = |procedure: &str| log.lines().find(|line| line.contains(procedure) && line.contains("done")).unwrap();
    assert!(line("user.me").contains(&format!("\"trace_id\":\"{TRACE}\"")), "{log}");
    assert!(!line("k8s.list").contains("trace_id"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    let headers = collector.headers();
    assert_eq!((&headers["api-key"], &headers["tenant"]), (&"hunter2 x".parse().unwrap(), &"7".parse().unwrap()));
    let spans = collector.spans();
    let me = spans.iter().find(|span| span.name == "user.me").unwrap();
    let looked_up = children(&spans, me)
        .iter()
        .any(|span| span.attributes.get("db.query.text").is_some_and(|text| text.contains("api_tokens")));
    assert!(looked_up, "{spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_logged_once_and_its_spans_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::serve(folder.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    let admin = server.client(token.trim());
    for _ in 0..2 {
        let before = count(&metrics(&server.url).await, "dropped");
        admin.call("user.me", json!({})).await;
        crate::support::eventually(async || count(&metrics(&server.url).await, "dropped") > before).await;
    }
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let log = server.log();
    assert_eq!(log.matches("the collector of traces takes no spans").count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_does_not_hold_up_the_end() {
    let (collector, folder) = (Collector::start().await, tempfile::tempdir().unwrap());
    collector.hang();
    let mut server = Process::serve(folder.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]);
    let token = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
    server.client(token.trim()).call("user.me", json!({})).await;
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    assert!(server.log().contains("did not take the last spans in time"), "{}", server.log());
}

#[tokio::test]
async fn without_a_collector_there_is_nothing_of_traces() {
    let app = TestApp::on_sqlite().await;
    call(&app.member("user_1"), SAMPLED, message(1, "user.me", json!({}))).await;
    assert!(!metrics(&app.url).await.contains("trace_spans"));
}

#[test]
fn secrets_in_the_settings_of_traces_are_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, said) in [
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@127.0.0.1:4318")][..], "credentials belong into"),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "hunter2")], "OTEL_EXPORTER_OTLP_ENDPOINT: expected the URL"),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1"), ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")],
            "OTEL_EXPORTER_OTLP_HEADERS: expected name=value",
        ),
    ] {
        for arguments in [&["serve"][..], &["doctor"]] {
            let output = Process::run(folder.path(), arguments, settings);
            let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert!(!output.status.success() && text.contains(said) && !text.contains("hunter2"), "{text}");
        }
    }
}
