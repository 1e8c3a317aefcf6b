//! The scope of an API token limits what the role of its user allows.

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use crate::support::{TestApp, both_databases};

both_databases! {
    async fn read_or_write_scoped_admin_token_cannot_administer(app: TestApp) {
        app.admin();
        app.member("other");
        for scope in [Scope::Read, Scope::Write] {
            let limited = app.scripted("root", scope);
            limited.call("user.summary", Value::Null).await;
            limited.fail("FORBIDDEN", "user.summary", json!({"userId": "other"})).await;
        }
        let writer = app.scripted("root", Scope::Write);
        for procedure in ["user.delete", "user.softDelete"] {
            writer.fail("FORBIDDEN", procedure, json!({"userId": "other"})).await;
            writer.fail("FORBIDDEN", procedure, json!({"force": true})).await;
        }
        app.scripted("root", Scope::Admin).call("user.softDelete", json!({"userId": "other"})).await;
    }

    async fn reserved_actor_names_are_refused_as_user_ids(app: TestApp) {
        for reserved in ["cli", "bootstrap", "stripe", "server"] {
            app.user(reserved).fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
        assert_eq!(app.count("users"), 0);
    }
}
