//! The scope of a token counts wherever its user's role does.

use clusterdesk::models::api_token::Scope;
use serde_json::{Value, json};

use crate::support::{TestApp, both_databases};

both_databases! {
    async fn an_admins_token_of_a_lesser_scope_is_no_admins(app: TestApp) {
        app.admin();
        app.member("other");
        for scope in [Scope::Read, Scope::Write] {
            let lesser = app.scripted("root", scope);
            lesser.call("user.summary", Value::Null).await;
            lesser.fail("FORBIDDEN", "user.summary", json!({"userId": "other"})).await;
        }
        let writer = app.scripted("root", Scope::Write);
        for procedure in ["user.delete", "user.softDelete"] {
            writer.fail("FORBIDDEN", procedure, json!({"userId": "other"})).await;
            writer.fail("FORBIDDEN", procedure, json!({"force": true})).await;
        }
        app.scripted("root", Scope::Admin).call("user.softDelete", json!({"userId": "other"})).await;
    }

    async fn nobody_can_be_an_actor_of_the_audit_log(app: TestApp) {
        for reserved in ["cli", "bootstrap", "stripe"] {
            app.user(reserved).fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
        assert_eq!(app.count("users"), 0);
    }
}
