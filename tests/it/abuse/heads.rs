//! What is not an HTTP request is refused in the same form as everything else.

use uuid::Uuid;

use crate::support::{Raw, RawResponse, TestApp};

fn assert_refused(response: &RawResponse, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_str()), (status, code), "{response:?}");
    assert_eq!(response.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(
        (&response.headers["connection"], &response.headers["cache-control"]),
        (&close(), &"no-store".parse().unwrap())
    );
    assert!(response.headers.contains_key("date"));
    let id = response.headers["x-request-id"].to_str().unwrap();
    assert!(Uuid::parse_str(id).is_ok());
    let data = &response.json()["error"]["data"];
    assert_eq!((&data["requestId"], &data["httpStatus"]), (&id.into(), &status.into()));
}

fn close() -> http::HeaderValue {
    "close".parse().unwrap()
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_in_json() {
    let app = TestApp::on_sqlite().await;
    let long = "x".repeat(70_000);
    let heads = [
        ("nonsense\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        ("GET / HTTP/9.9\r\nhost: h\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        ("GET / HTTP/1.1\r\nhost: h\r\nbad header: 1\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        ("GET / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), 400, "BAD_REQUEST"),
        (format!("GET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"), 414, "PAYLOAD_TOO_LARGE"),
        (format!("GET / HTTP/1.1\r\nhost: h\r\nx-long: {long}"), 431, "PAYLOAD_TOO_LARGE"),
    ];
    for (head, status, code) in heads {
        let mut connection = Raw::open(&app.url).await;
        connection.try_send(&head).await;
        assert_refused(&connection.response().await.unwrap(), status, code);
        assert!(connection.response().await.is_none());
        // Also behind a request that was answered.
        let mut connection = Raw::open(&app.url).await;
        connection.try_send(format!("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n{head}")).await;
        assert_eq!(connection.response().await.unwrap().status, 200);
        assert_refused(&connection.response().await.unwrap(), status, code);
    }
}
