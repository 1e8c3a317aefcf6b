use clusterdesk::models::user::Role;
use serde_json::{Value, json};

use super::Operator;
use crate::support::{Builder, Client, Sql, assert_moment, both_databases};

/// Presses the button of the page at a link, and returns the HTTP status.
async fn press(server: &str, url: &str) -> u16 {
    let (page, link) = url.trim().split_once('#').unwrap();
    let origin = page.strip_suffix("/sign-in").unwrap();
    let post =
        Client::http().build().unwrap().post(format!("{server}sign-in")).header("origin", server.trim_end_matches('/'));
    assert!(!origin.ends_with('/'), "{url}");
    let post = post.header("content-type", "application/json").body(json!({"link": link}).to_string());
    post.send().await.unwrap().status().as_u16()
}

both_databases! {
    async fn a_link_signs_its_user_in_once(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.user("ann", Role::User);
        let default = operator.ok(&["console-link"]);
        assert!(default.starts_with("http://127.0.0.1:8080/sign-in#cdc_") && default.lines().count() == 1, "{default}");
        let named = operator.ok(&["console-link", "--user", "ann", "--url", "https://api.example.com/"]);
        assert!(named.starts_with("https://api.example.com/sign-in#cdc_"), "{named}");
        let bound = operator.run_with(&["console-link"], &[("BIND_ADDR", "0.0.0.0:9000")]).output;
        assert!(bound.starts_with("http://127.0.0.1:9000/sign-in#cdc_"), "{bound}");
        let json: Value = serde_json::from_str(&operator.ok(&["console-link", "--user", "ann", "--json"])).unwrap();
        assert_eq!(json["userId"], "ann");
        assert_moment(&json["expiresAt"]);
        let expected = ["root", "ann", "root", "ann"].map(|id| format!("console-link user {id} {{}}"));
        assert_eq!(operator.audited(), expected);
        let mut conn = operator.connect();
        let kept = format!("{:?}", conn.tables().iter().flat_map(|table| conn.rows(table)).collect::<Vec<_>>());
        let links = [&default, &named, &bound, json["url"].as_str().unwrap()];
        assert!(links.iter().all(|link| !kept.contains(link.trim().split_once("#cdc_").unwrap().1)));

        let app = Builder::with_database(operator.0).start().await;
        for link in links {
            assert_eq!((press(&app.url, link).await, press(&app.url, link).await), (200, 401));
        }
        assert_eq!(app.lines("SELECT user_id AS line FROM sessions ORDER BY id"), ["root", "ann", "root", "ann"]);
    }

    async fn wrong_options_are_refused_with_a_message(operator: Operator) {
        operator.refused(&["console-link"], "there is no admin; name a user with --user");
        operator.refused(&["console-link", "--user", "nobody"], "there is no user \"nobody\"");
        operator.user("root", Role::Admin);
        for url in ["api.example.com", "ftp://x", "https://", "https://x/#a", "https://x?a", "https://u:p@x"] {
            operator.refused(&["console-link", "--url", url], "--url must be like https://api.example.com");
        }
        let unix = "a browser can't open a unix socket; name the URL of the proxy with --url";
        operator.refused(&["console-link", "--bind-addr", "unix:/run/x.sock"], unix);
    }
}
