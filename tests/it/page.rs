//! Paging, in every procedure that returns pages.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, all, both_databases, hours_ago, literal};

const LISTS: [&str; 4] = ["k8s.listDeleted", "admin.listUsers", "admin.listClusters", "admin.auditLog"];
const ROWS: usize = 7;

/// An admin who sees seven rows in every list, several of them with the same timestamp.
async fn populate(app: &TestApp) -> Client {
    let root = app.admin();
    for number in 1..ROWS {
        app.provision(&format!("user_{number}"), Role::User);
    }
    app.execute(&format!("UPDATE users SET created_at = {} WHERE id > 'user_2'", literal(hours_ago(1))));
    for number in 0..ROWS {
        add_row(app, number);
    }
    root
}

/// Adds a row to the lists of clusters and to the audit log.
fn add_row(app: &TestApp, number: usize) {
    let at = match number {
        0..4 => "'2026-01-02 03:04:05'",
        4..ROWS => "'2026-01-02 03:04:05.006'",
        _ => "'2026-01-02 03:04:05.010'",
    };
    app.execute(&format!(
        "INSERT INTO k8s_cluster_configs
             (name, location, auth_user_id, plan, network, status, created_at, updated_at, deleted_at)
         VALUES ('web', 'eu', 'root', 'FREE', 'Default', 'DELETED', {at}, {at}, {at});
         INSERT INTO audit_log (created_at, actor_id, procedure, entity, entity_id, detail, request_id)
         VALUES ({at}, 'root', 'k8s.create', 'cluster', '{number}', 'null', 'id')"
    ));
}

fn input(list: &str, limit: usize, cursor: &Value) -> Value {
    let mut input = json!({"limit": limit});
    if list == "admin.listClusters" {
        input["includeDeleted"] = json!(true);
    }
    if !cursor.is_null() {
        input["cursor"] = cursor.clone();
    }
    input
}

async fn cursor_of(caller: &Client, list: &str) -> String {
    caller.call(list, input(list, 1, &Value::Null)).await["nextCursor"].as_str().unwrap().to_owned()
}

/// The ids of all pages from `cursor` on.
async fn walk(caller: &Client, list: &str, limit: usize, mut cursor: Value) -> Vec<Value> {
    let mut ids = Vec::new();
    loop {
        let page = caller.call(list, input(list, limit, &cursor)).await;
        assert_eq!(page.as_object().unwrap().len(), 2);
        let items = all(&page["items"], "id");
        ids.extend(items.iter().map(|id| (*id).clone()));
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            return ids;
        }
        assert_eq!(items.len(), limit, "only the last page of {list} may be shorter");
        assert!(ids.len() < 100, "{list} does not end");
    }
}

both_databases! {
    async fn paging_with_any_limit_returns_every_row_once_in_one_order(app: TestApp) {
        let root = populate(&app).await;
        for list in LISTS {
            let whole = walk(&root, list, 100, Value::Null).await;
            assert_eq!(whole.len(), ROWS, "{list}");
            for limit in [1, 2, 3, ROWS - 1, ROWS, ROWS + 1] {
                assert_eq!(walk(&root, list, limit, Value::Null).await, whole, "{list} by {limit}");
            }
        }
    }

    async fn rows_with_the_same_timestamp_are_ordered_by_id(app: TestApp) {
        let root = populate(&app).await;
        let expected = json!([7, 6, 5, 4, 3, 2, 1]);
        for list in ["k8s.listDeleted", "admin.listClusters", "admin.auditLog"] {
            assert_eq!(json!(walk(&root, list, 2, Value::Null).await), expected, "{list}");
        }
        let users = json!(["user_2", "user_1", "root", "user_6", "user_5", "user_4", "user_3"]);
        app.execute("UPDATE users SET created_at = (SELECT created_at FROM users WHERE id = 'user_2')
                     WHERE id IN ('root', 'user_1')");
        assert_eq!(json!(walk(&root, "admin.listUsers", 2, Value::Null).await), users);
    }

    async fn a_row_added_while_paging_appears_only_on_a_new_first_page(app: TestApp) {
        let root = populate(&app).await;
        for list in LISTS {
            let before = walk(&root, list, 100, Value::Null).await;
            let cursor = root.call(list, input(list, 2, &Value::Null)).await["nextCursor"].clone();
            add_row(&app, ROWS);
            app.provision(&format!("new-{list}"), Role::User);
            assert_eq!(walk(&root, list, 2, cursor).await, before[2..], "{list}");
            assert_eq!(walk(&root, list, 100, Value::Null).await[1..], before, "{list}");
        }
    }

    async fn deleting_a_row_while_paging_skips_no_other_row(app: TestApp) {
        let root = populate(&app).await;
        let list = "admin.listClusters";
        let page = root.call(list, input(list, 2, &Value::Null)).await;
        assert_eq!(json!(all(&page["items"], "id")), json!([7, 6]));
        // The row that the cursor points at.
        app.execute("DELETE FROM k8s_cluster_configs WHERE id = 6");
        assert_eq!(json!(walk(&root, list, 2, page["nextCursor"].clone()).await), json!([5, 4, 3, 2, 1]));
    }

    async fn a_page_has_twenty_items_by_default(app: TestApp) {
        let root = populate(&app).await;
        for number in 0..21 {
            app.provision(&format!("more-{number}"), Role::User);
            add_row(&app, number);
        }
        for list in LISTS {
            let mut input = input(list, 1, &Value::Null);
            input.as_object_mut().unwrap().remove("limit");
            let page = root.call(list, input).await;
            assert_eq!(page["items"].as_array().unwrap().len(), 20, "{list}");
            assert!(page["nextCursor"].is_string());
        }
    }

    async fn the_limit_must_be_between_1_and_100(app: TestApp) {
        let root = app.admin();
        for list in LISTS {
            for (limit, code) in [(json!(0), "too_small"), (json!(101), "too_big"), (json!("5"), "invalid_type")] {
                let failure = root.fail("BAD_REQUEST", list, json!({"limit": limit})).await;
                assert_eq!(failure.issues(), [format!("limit: {code}")], "{list} {limit}");
            }
            assert_eq!(root.fail("BAD_REQUEST", list, json!({"offset": 1})).await.issues(), ["offset: unknown_field"]);
            root.call(list, json!({"limit": 100, "cursor": null})).await;
        }
    }

    async fn a_modified_cursor_is_refused(app: TestApp) {
        let root = populate(&app).await;
        for list in LISTS {
            let cursor = cursor_of(&root, list).await;
            for at in 0..cursor.len() {
                let mut bytes = cursor.clone().into_bytes();
                bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
                let forged = json!(String::from_utf8(bytes).unwrap());
                let failure = root.fail("BAD_REQUEST", list, input(list, 1, &forged)).await;
                assert_eq!(failure.issues(), ["cursor: invalid_value"], "{list} {forged}");
            }
            for forged in ["0", "6", "!", "é", "MTAw", &cursor[1..], &format!("{cursor}{cursor}")] {
                let failure = root.fail("BAD_REQUEST", list, input(list, 1, &json!(forged))).await;
                assert_eq!(failure.issues(), ["cursor: invalid_value"], "{list} {forged}");
            }
        }
    }

    async fn a_cursor_with_a_valid_checksum_and_an_invalid_position_is_refused(app: TestApp) {
        let root = populate(&app).await;
        for list in LISTS {
            for position in ["-8000000000000000.5", "8000000000000000.5", "5.a\0b", "5", "a.5", ""] {
                let sum = crc32fast::hash(format!("{list}\0{position}").as_bytes());
                let forged = json!(URL_SAFE_NO_PAD.encode(format!("{sum:08x}.{position}")));
                let failure = root.fail("BAD_REQUEST", list, input(list, 1, &forged)).await;
                assert_eq!(failure.issues(), ["cursor: invalid_value"], "{list} {position:?}");
            }
        }
    }

    async fn a_cursor_is_valid_only_for_its_own_list(app: TestApp) {
        let root = populate(&app).await;
        for list in LISTS {
            let cursor = json!(cursor_of(&root, list).await);
            for other in LISTS.into_iter().filter(|other| *other != list) {
                let failure = root.fail("BAD_REQUEST", other, input(other, 1, &cursor)).await;
                assert_eq!(failure.issues(), ["cursor: invalid_value"], "{list} into {other}");
            }
            root.call(list, input(list, 1, &cursor)).await;
        }
    }

    async fn the_cursor_of_another_user_reveals_none_of_their_rows(app: TestApp) {
        let root = populate(&app).await;
        let cursor = json!(cursor_of(&root, "k8s.listDeleted").await);
        let page = app.user("user_1").call("k8s.listDeleted", input("k8s.listDeleted", 10, &cursor)).await;
        assert_eq!(page, json!({"items": [], "nextCursor": null}));
    }
}
