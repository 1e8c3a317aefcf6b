//! The scope of an API token limits what the role of its user allows.

use clusterdesk::models::api_token::Scope;
use procedures::Access;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, Watcher, both_databases, catalogue};

/// The procedures for admins that a client may not call. Access is checked before the input.
async fn forbidden(client: &Client) -> Vec<&'static str> {
    let mut forbidden = Vec::new();
    for procedure in
        catalogue().procedures().filter(|procedure| matches!(procedure.access, Access::Service | Access::Admin))
    {
        let failure = client.try_call(procedure.name, json!({"no such field": 1})).await.unwrap_err();
        match failure.code() {
            "FORBIDDEN" => forbidden.push(procedure.name),
            code => assert!(matches!(code, "BAD_REQUEST" | "METHOD_NOT_SUPPORTED"), "{failure:?}"),
        }
    }
    forbidden
}

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

    async fn a_service_moves_and_sees_the_clusters_of_all_and_does_nothing_else_of_admins(app: TestApp) {
        let (_, ann) = (app.admin(), app.member("ann"));
        let id = ann.create("web", "FREE").await;
        let [writer, service, chief] = [Scope::Write, Scope::Service, Scope::Admin].map(|scope| app.scripted("root", scope));

        let (writers, services) = (forbidden(&writer).await, forbidden(&service).await);
        assert_eq!(forbidden(&chief).await, Vec::<&str>::new());
        let only_services: Vec<_> = writers.iter().filter(|name| !services.contains(name)).copied().collect();
        assert_eq!(only_services, ["k8s.setStatus", "admin.listClusters", "admin.getCluster", "admin.clusterEvents"]);
        assert!(services.contains(&"admin.setRole") && services.contains(&"admin.watchAudit"), "{services:?}");

        let mut watcher = Watcher::open(&service, json!({})).await;
        service.call("k8s.setStatus", json!({"id": id, "status": "CREATING"})).await;
        assert_eq!(watcher.told(1).await, ["statusChanged web"]);
        assert_eq!(service.call("admin.listClusters", Value::Null).await["items"][0]["status"], "CREATING");
        assert_eq!(service.call("admin.getCluster", json!({"id": id})).await["owner"]["id"], "ann");
        service.call("user.updateName", json!({"name": "Provisioner"})).await;
        for (procedure, input) in [
            ("user.summary", json!({"userId": "ann"})),
            ("user.delete", json!({"userId": "ann"})),
            ("token.list", json!({"userId": "ann"})),
            ("token.create", json!({"name": "more", "scope": "admin"})),
        ] {
            service.fail("FORBIDDEN", procedure, input).await;
        }
        service.call("token.create", json!({"name": "as much", "scope": "service"})).await;

        // The scope adds nothing to a role.
        let nobody = app.scripted("ann", Scope::Service);
        assert_eq!(forbidden(&nobody).await.len(), writers.len());
        let failure = Watcher::try_open(&nobody, json!({"userId": "root"})).await.err().unwrap();
        assert_eq!(failure.code(), "FORBIDDEN");
    }

    async fn reserved_actor_names_are_refused_as_user_ids(app: TestApp) {
        for reserved in ["cli", "bootstrap", "stripe", "server"] {
            app.user(reserved).fail("UNAUTHORIZED", "user.me", Value::Null).await;
        }
        assert_eq!(app.count("users"), 0);
    }
}
