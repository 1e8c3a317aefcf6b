//! The client address of a call, with and without proxies.

use http::HeaderValue;

use super::{call, json_of, limited, outcome, request};
use crate::support::{Backend, Builder, Client, TestApp};

/// The outcome of `user.me` with this `X-Forwarded-For` header.
async fn call_from(client: &Client, forwarded_for: &str) -> String {
    let post = client.post().header("x-forwarded-for", forwarded_for);
    let response = post.body(request("user.me").to_string()).send().await.unwrap();
    outcome(&serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

/// A server with these trusted proxies, which allows `limit` reads an hour.
async fn behind(proxies: Option<&str>, limit: u32) -> TestApp {
    let builder = limited(Builder::new(Backend::Sqlite), limit, 0);
    match proxies {
        Some(proxies) => builder.flag("trusted-proxies", proxies).start().await,
        None => builder.start().await,
    }
}

#[tokio::test]
async fn x_forwarded_for_is_ignored_unless_the_peer_is_a_trusted_proxy() {
    for proxies in [None, Some("10.0.0.0/8,192.168.1.1")] {
        let app = behind(proxies, 1).await;
        assert_eq!(call_from(&app.anonymous(), "203.0.113.1").await, "UNAUTHORIZED");
        assert_eq!(call_from(&app.anonymous(), "203.0.113.2").await, "TOO_MANY_REQUESTS");
    }
}

#[tokio::test]
async fn behind_trusted_proxies_the_last_untrusted_address_counts() {
    let app = behind(Some("127.0.0.0/8, 10.0.0.0/8"), 1).await;
    let anonymous = app.anonymous();
    assert_eq!(call_from(&anonymous, "203.0.113.1").await, "UNAUTHORIZED");
    let equivalent = [
        "203.0.113.1",
        " 203.0.113.1 ",
        "203.0.113.1, 10.1.2.3",
        "203.0.113.1,10.1.2.3,10.4.5.6",
        // Addresses that the client made up come first.
        "203.0.113.99, 203.0.113.1, 10.1.2.3",
        "10.9.9.9, 203.0.113.1",
        "nonsense, 203.0.113.1",
        "::ffff:203.0.113.1",
        // Some proxies add the port.
        "203.0.113.1:50001",
        "203.0.113.1:50002, 10.1.2.3:80",
        "[::ffff:203.0.113.1]",
        "[::ffff:203.0.113.1]:443",
    ];
    for list in equivalent {
        assert_eq!(call_from(&anonymous, list).await, "TOO_MANY_REQUESTS", "{list}");
    }
    let two_headers =
        anonymous.post().header("x-forwarded-for", "203.0.113.99").header("x-forwarded-for", "203.0.113.1");
    let answer = json_of(two_headers.body(request("user.me").to_string()).send().await.unwrap()).await;
    assert_eq!(outcome(&answer), "TOO_MANY_REQUESTS");
    let before = HeaderValue::from_bytes("é, 203.0.113.1".as_bytes()).unwrap();
    let answer = anonymous.post().header("x-forwarded-for", before).body(request("user.me").to_string()).send().await;
    assert_eq!(outcome(&json_of(answer.unwrap()).await), "TOO_MANY_REQUESTS");
    for other in ["203.0.113.2", "203.0.113.1, 203.0.113.3", "10.7.7.7"] {
        assert_eq!(call_from(&anonymous, other).await, "UNAUTHORIZED", "{other}");
    }
    // Without a readable address, the proxy's own address counts.
    assert_eq!(call(&anonymous, "user.me").await, "UNAUTHORIZED");
    assert_eq!(call_from(&anonymous, "203.0.113.5, nonsense").await, "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn forwarded_counts_where_there_is_no_x_forwarded_for() {
    let app = behind(Some("127.0.0.0/8, 10.0.0.0/8"), 1).await;
    let anonymous = app.anonymous();
    let send = async |headers: &[(&str, &str)]| {
        let post = headers.iter().fold(anonymous.post(), |post, (name, value)| post.header(*name, *value));
        outcome(&json_of(post.body(request("user.me").to_string()).send().await.unwrap()).await)
    };
    assert_eq!(send(&[("forwarded", "for=203.0.113.1")]).await, "UNAUTHORIZED");
    for same in [
        "for=203.0.113.1;proto=https;by=10.0.0.1",
        "proto=http; For=\"203.0.113.1:4711\" , for=10.1.2.3",
        "for=203.0.113.99, for=203.0.113.1",
        "for=\"[::ffff:203.0.113.1]:4711\"",
    ] {
        assert_eq!(send(&[("forwarded", same)]).await, "TOO_MANY_REQUESTS", "{same}");
    }
    let two = [("forwarded", "for=203.0.113.99"), ("forwarded", "for=203.0.113.1, for=10.1.1.1")];
    assert_eq!(send(&two).await, "TOO_MANY_REQUESTS");
    assert_eq!(send(&[("forwarded", "for=\"[2001:db8::17]\"")]).await, "UNAUTHORIZED");
    // A proxy that sends X-Forwarded-For passes on what a client says in Forwarded.
    let both = [("forwarded", "for=203.0.113.2"), ("x-forwarded-for", "203.0.113.1")];
    assert_eq!(send(&both).await, "TOO_MANY_REQUESTS");
    // Without a readable address, the proxy's own address counts.
    assert_eq!(send(&[("forwarded", "for=_hidden")]).await, "UNAUTHORIZED");
    for unknown in ["for=unknown", "proto=https", "for=203.0.113.7, for=_hidden", ""] {
        assert_eq!(send(&[("forwarded", unknown)]).await, "TOO_MANY_REQUESTS", "{unknown}");
    }
}

#[tokio::test]
async fn the_addresses_of_one_ipv6_64_network_share_a_limit() {
    let app = behind(Some("127.0.0.1"), 1).await;
    let anonymous = app.anonymous();
    assert_eq!(call_from(&anonymous, "2001:db8:0:1::1").await, "UNAUTHORIZED");
    assert_eq!(call_from(&anonymous, "2001:db8:0:1:ffff:ffff:ffff:ffff").await, "TOO_MANY_REQUESTS");
    assert_eq!(call_from(&anonymous, "2001:db8:0:2::1").await, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_proxy_on_the_unix_socket_is_trusted_only_when_configured() {
    for (proxies, second) in [("unix", "UNAUTHORIZED"), ("127.0.0.1", "TOO_MANY_REQUESTS")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let builder = limited(Builder::new(Backend::Sqlite), 1, 0).flag("trusted-proxies", proxies);
        let _app = builder.flag("bind-addr", &format!("unix:{}", path.display())).start().await;
        // First, because it installs the crypto provider that reqwest needs.
        let over_tcp = Client::new("http://localhost/", None);
        let http = reqwest::Client::builder().unix_socket(path).build().unwrap();
        let anonymous = Client { http, ..over_tcp };
        assert_eq!(call_from(&anonymous, "203.0.113.1").await, "UNAUTHORIZED");
        assert_eq!(call_from(&anonymous, "203.0.113.2").await, second, "{proxies}");
    }
}
