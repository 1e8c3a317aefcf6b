//! Where a change came from, as the audit log has it: the client's address, the API token and the door.

use clusterdesk::models::api_token::Scope;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Builder, Client, PRO, Process, Socket, Subscription, TestApp, all, both_databases, event, fixed_now, now,
};

/// `door address token` of every entry, oldest first.
fn origins(app: &TestApp) -> Vec<String> {
    app.lines(
        "SELECT coalesce(door, '-') || ' ' || coalesce(client_address, '-') || ' ' || coalesce(token_id, 0) AS line
         FROM audit_log ORDER BY id",
    )
}

async fn rename_over_trpc(client: &Client, name: &str) {
    let request = client.http.post(format!("{}trpc-plain/user.updateName", client.url)).json(&json!({"name": name}));
    let response = request.bearer_auth(client.token.as_ref().unwrap()).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

both_databases! {
    async fn each_door_is_recorded_with_address_and_token(builder: Builder) {
        let app = builder.with_stripe().start().await;
        let (user, script) = (app.member("user_1"), app.scripted("user_2", Scope::Write));
        let rename = json!({"name": "Ada"});
        user.call("user.updateName", rename.clone()).await;
        script.call("user.updateName", rename.clone()).await;
        Socket::open(&script).await.call("user.updateName", rename.clone()).await;
        rename_over_trpc(&user, "Ada").await;
        let mut socket = Socket::open_at(&script, "trpc-plain").await;
        let params = json!({"path": "user.updateName", "input": rename});
        socket.send(json!({"id": 1, "method": "mutation", "params": params}).to_string()).await;
        assert!(socket.receive().await.unwrap().get("result").is_some());
        let settings = [("DATABASE_URL", app.database.url.as_str())];
        assert!(Process::run(app.database.folder.path(), &["user", "promote", "user_1"], &settings).status.success());
        let (start, end) = (fixed_now() - 60, fixed_now() + 1_000_000);
        let subscription = Subscription { id: "sub_1", user: "user_1", status: "active", price: PRO, start, end, cancel: false };
        let event = event("evt_1", "customer.subscription.created", now(), subscription.object());
        assert_eq!(app.anonymous().tell(&event).await, 200);

        let token = app.lines("SELECT id || '' AS line FROM api_tokens").remove(0);
        assert_eq!(origins(&app), [
            "jsonrpc 127.0.0.1 0".to_owned(),
            format!("jsonrpc 127.0.0.1 {token}"),
            format!("jsonrpc 127.0.0.1 {token}"),
            "trpc 127.0.0.1 0".to_owned(),
            format!("trpc 127.0.0.1 {token}"),
            "cli - 0".to_owned(),
            "stripe - 0".to_owned(),
        ]);
        let log = user.call("admin.auditLog", json!({"actorId": "user_2"})).await;
        assert_eq!(all(&log["items"], "door"), ["trpc", "jsonrpc", "jsonrpc"]);
        assert_eq!(log["items"][0]["tokenId"].to_string(), token);
        let old = "INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
                   VALUES ('2026-01-01 10:00:00', 'old', 'p', 'e', 'i', '{}', 'r')";
        app.execute(old);
        let old = user.call("admin.auditLog", json!({"actorId": "old"})).await;
        let unknown = ["door", "clientAddress", "tokenId"].map(|field| old["items"][0][field].clone());
        assert_eq!(json!(unknown), json!([null, null, null]));
    }

    async fn the_address_is_that_of_the_client_behind_a_trusted_proxy(builder: Builder) {
        let app = builder.flag("trusted-proxies", "127.0.0.1").start().await;
        let user = app.member("user_1");
        for (forwarded, address) in [("203.0.113.7", "203.0.113.7"), ("[2001:db8::1]:4711", "2001:db8::1")] {
            let request = json!({"jsonrpc": "2.0", "id": 1, "method": "user.updateName", "params": {"name": forwarded}});
            user.post().header("x-forwarded-for", forwarded).body(request.to_string()).send().await.unwrap();
            assert_eq!(origins(&app).pop().unwrap(), format!("jsonrpc {address} 0"));
        }
    }

    async fn entries_that_are_written_together_have_each_their_own_token(app: TestApp) {
        let scripts: Vec<Client> = (0..12).map(|number| app.scripted(&format!("user_{number}"), Scope::Write)).collect();
        for _ in 0..3 {
            join_all(scripts.iter().map(|script| script.call("user.updateName", json!({"name": "Ada"})))).await;
        }
        let strangers = "audit_log JOIN api_tokens ON api_tokens.id = token_id WHERE user_id <> actor_id";
        assert_eq!((app.count("audit_log WHERE token_id IS NOT NULL"), app.count(strangers)), (36, 0));
    }

    async fn the_addresses_of_a_user_are_forgotten_with_the_user(app: TestApp) {
        let (admin, user) = (app.admin(), app.member("user_1"));
        user.call("user.updateName", json!({"name": "Ada"})).await;
        admin.call("user.updateName", json!({"name": "Root"})).await;
        user.call("user.softDelete", Value::Null).await;
        assert_eq!(app.count("audit_log WHERE client_address IS NOT NULL"), 3, "kept as long as the user's row");
        let before = app.lines("SELECT id || actor_id || procedure || detail || request_id || door AS line FROM audit_log ORDER BY id");
        admin.call("user.delete", json!({"userId": "user_1"})).await;
        let own = "SELECT actor_id || ' ' || coalesce(client_address, '-') AS line FROM audit_log ORDER BY id";
        assert_eq!(app.lines(own), ["user_1 -", "root 127.0.0.1", "user_1 -", "root 127.0.0.1"]);
        let mut after = app.lines("SELECT id || actor_id || procedure || detail || request_id || door AS line FROM audit_log ORDER BY id");
        after.pop();
        assert_eq!(after, before, "nothing else is forgotten");
        // A user who deletes themselves leaves the address of that call neither.
        app.member("user_2").call("user.delete", Value::Null).await;
        assert_eq!(app.lines(own).pop().unwrap(), "user_2 -");
    }

    async fn nothing_but_an_address_can_be_removed_from_an_entry(app: TestApp) {
        let user = app.member("user_1");
        user.call("user.updateName", json!({"name": "Ada"})).await;
        for change in [
            "door = NULL", "token_id = 7", "client_address = '::1'", "client_address = NULL, detail = 'null'",
            "client_address = NULL, door = NULL", "client_address = NULL, token_id = 7", "client_address = NULL, id = 9",
            "client_address = client_address",
        ] {
            let error = app.try_execute(&format!("UPDATE audit_log SET {change}")).unwrap_err().to_string();
            assert!(error.contains("append-only"), "{change}: {error}");
        }
        app.execute("UPDATE audit_log SET client_address = NULL");
        assert_eq!(origins(&app), ["jsonrpc - 0"]);
        assert!(app.try_execute("UPDATE audit_log SET client_address = NULL").is_err());
    }
}
