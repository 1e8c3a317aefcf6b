use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::Operator;
use crate::support::{Builder, Sql, assert_moment, both_databases};

/// The words of each line except the heading.
fn table(output: &str) -> Vec<Vec<&str>> {
    output.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

both_databases! {
    async fn a_new_token_works_within_its_scope(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.user("ann", Role::User);
        let mut tokens = Vec::new();
        for arguments in [
            &["--scope", "read"][..], &["--scope", "write"], &["--scope", "admin"], &[], &["--user", "ann"], &["--scope", "service"],
        ] {
            let output = operator.ok(&[&["token", "create"], arguments].concat());
            let token = output.trim().to_owned();
            assert!(token.starts_with("cdk_") && output.lines().count() == 1, "the token and nothing else: {output}");
            tokens.push(token);
        }
        assert_eq!(
            operator.audited(),
            [("read", "root"), ("write", "root"), ("admin", "root"), ("admin", "root"), ("admin", "ann"), ("service", "root")].iter().zip(1..)
                .map(|((scope, owner), id)| (id, json!({"owner": owner, "scope": scope, "expiresAt": null})))
                .map(|(id, detail)| format!("token.create apiToken {id} {detail}"))
                .collect::<Vec<_>>()
        );
        let mut conn = operator.connect();
        let kept = [conn.texts("SELECT hash FROM api_tokens"), conn.texts("SELECT detail FROM audit_log")].concat();
        assert!(tokens.iter().all(|token| !kept.contains(token)));

        let app = Builder::with_database(operator.0).start().await;
        let [read, write, admin, default, ann, service] = [0, 1, 2, 3, 4, 5].map(|at| app.with_token(&tokens[at]));
        for (client, id) in [(&read, "root"), (&write, "root"), (&admin, "root"), (&default, "root"), (&ann, "ann")] {
            assert_eq!(client.call("user.me", Value::Null).await["id"], id);
        }
        let rename = json!({"name": "Root"});
        read.fail("FORBIDDEN", "user.updateName", rename.clone()).await;
        write.call("user.updateName", rename).await;
        write.fail("FORBIDDEN", "admin.getStats", Value::Null).await;
        admin.call("admin.getStats", Value::Null).await;
        service.call("admin.listClusters", Value::Null).await;
        service.fail("FORBIDDEN", "admin.getStats", Value::Null).await;
        ann.fail("FORBIDDEN", "admin.getStats", Value::Null).await;
    }

    async fn the_list_shows_every_token_without_secrets(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.user("ann", Role::User);
        let secrets = [
            operator.ok(&["token", "create", "--name", "deploy", "--scope", "write", "--expires-in-days", "7"]),
            operator.ok(&["token", "create", "--user", "ann", "--scope", "read"]),
            operator.ok(&["token", "create", "--user", "ann", "--name", "old", "--expires-in-days", "1"]),
        ];
        operator.connect().run("UPDATE api_tokens SET expires_at = created_at WHERE name = 'old'");
        operator.ok(&["token", "revoke", "2"]);
        let output = operator.ok(&["token", "list"]);
        let rows: Vec<Vec<&str>> = table(&output).into_iter().map(|row| [&row[..3], &row[5..]].concat()).collect();
        let hints = [0, 1, 2].map(|at: usize| secrets[at].trim()[37..].to_owned());
        assert_eq!(rows, [
            vec!["1", "write", "live", "never", &hints[0], "root", "deploy"],
            vec!["2", "read", "revoked", "never", &hints[1], "ann", "command", "line"],
            vec!["3", "admin", "expired", "never", &hints[2], "ann", "old"],
        ]);
        let times: Vec<[&str; 2]> = table(&output).into_iter().map(|row| [row[3], row[4]]).collect();
        let [[created, expires], [_, never], [created_too, expired]] = times[..] else { panic!("{output}") };
        assert_moment(&json!(expires));
        assert_eq!((&expires[10..], never, expired), (&created[10..], "never", created_too), "{output}");
        assert_eq!(table(&operator.ok(&["token", "list", "--user", "ann"])).len(), 2);
        assert_eq!(table(&operator.ok(&["token", "list", "--user", "nobody"])).len(), 0);
        let json: Value = serde_json::from_str(&operator.ok(&["token", "list", "--user", "ann", "--json"])).unwrap();
        let states: Vec<_> = json.as_array().unwrap().iter().map(|one| (&one["id"], &one["state"], &one["userId"])).collect();
        assert_eq!(states, [(&json!(2), &json!("revoked"), &json!("ann")), (&json!(3), &json!("expired"), &json!("ann"))]);
        let hashes = operator.connect().texts("SELECT hash FROM api_tokens");
        for secret in secrets.iter().map(|secret| secret.trim()).chain(hashes.iter().map(String::as_str)) {
            assert!(!output.contains(secret) && !output.contains(&secret[4..20]));
        }
        let expiry = operator.connect().rows("api_tokens").remove(0);
        assert!(expiry["expires_at"].as_str() > expiry["created_at"].as_str(), "{expiry}");
    }

    async fn a_revoked_token_is_refused_immediately(operator: Operator) {
        operator.user("root", Role::Admin);
        let token = operator.ok(&["token", "create"]);
        let folder = operator.0.folder.path().to_owned();
        let url = operator.0.url.clone();
        let app = Builder::with_database(operator.0).start().await;
        let client = app.with_token(token.trim());
        client.call("user.me", Value::Null).await;
        let output = crate::support::Process::run(&folder, &["token", "revoke", "1"], &[("DATABASE_URL", &url)]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "revoked token 1\n");
        client.fail("UNAUTHORIZED", "user.me", Value::Null).await;
        let last = app.connect().texts("SELECT procedure || ' ' || entity_id FROM audit_log ORDER BY id DESC");
        assert_eq!(last[0], "token.revoke 1");
    }

    async fn a_rotated_token_is_replaced_by_one_like_it(operator: Operator) {
        operator.user("root", Role::Admin);
        let old = operator.ok(&["token", "create", "--name", "deploy", "--scope", "write"]);
        let new = operator.ok(&["token", "rotate", "1"]);
        let output = operator.ok(&["token", "list"]);
        let rows: Vec<Vec<&str>> = table(&output).into_iter().map(|row| [&row[..3], &row[7..]].concat()).collect();
        assert_eq!(rows, [["1", "write", "revoked", "root", "deploy"], ["2", "write", "live", "root", "deploy"]]);
        let detail = json!({"owner": "root", "scope": "write", "expiresAt": null, "replaces": 1});
        assert_eq!(operator.audited()[1], format!("token.rotate apiToken 2 {detail}"));
        operator.refused(&["token", "rotate", "1"], "there is no live token 1");
        let app = Builder::with_database(operator.0).start().await;
        app.with_token(old.trim()).fail("UNAUTHORIZED", "user.me", Value::Null).await;
        app.with_token(new.trim()).call("user.me", Value::Null).await;
    }

    async fn invalid_requests_are_refused_with_a_message(operator: Operator) {
        operator.refused(&["token", "create"], "there is no admin; name a user with --user");
        operator.user("root", Role::Admin);
        operator.refused(&["token", "create", "--user", "nobody"], "there is no user \"nobody\"");
        operator.refused(&["token", "create", "--name", ""], "--name must have 1 to 100 characters");
        operator.refused(&["token", "create", "--name", &"x".repeat(101)], "--name must have 1 to 100 characters");
        operator.refused(&["token", "revoke", "7"], "there is no live token 7");
        operator.ok(&["token", "create"]);
        operator.ok(&["token", "revoke", "1"]);
        operator.refused(&["token", "revoke", "1"], "there is no live token 1");
        for wrong in [&["token", "create", "--scope", "root"][..], &["token", "revoke"], &["token"]] {
            assert_eq!(operator.run(wrong).code, 2, "{wrong:?}");
        }
        operator.connect().run("UPDATE users SET deleted_at = created_at");
        operator.refused(&["token", "create", "--user", "root"], "there is no user \"root\"");
    }
}
