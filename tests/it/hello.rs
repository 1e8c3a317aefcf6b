//! `hello.hello`.

use serde_json::json;

use crate::support::{TestApp, both_databases};

both_databases! {
    async fn hello_greets_and_escapes(app: TestApp) {
        let user = app.user("user_1");
        let greeting = user.call("hello.hello", json!({"text": " <b>\"you\" & 'me'</b> "})).await;
        assert_eq!(greeting, json!({"greeting": "hello &lt;b&gt;&quot;you&quot; &amp; &#x27;me&#x27;&lt;&#x2F;b&gt;"}));
    }

    async fn invalid_hello_text_is_reported(app: TestApp) {
        let user = app.user("user_1");
        assert_eq!(user.fail("BAD_REQUEST", "hello.hello", json!({})).await.issues(), ["text: required"]);
        assert_eq!(user.fail("BAD_REQUEST", "hello.hello", json!({"text": " "})).await.issues(), ["text: too_short"]);
        let long = "é".repeat(1001);
        assert_eq!(user.fail("BAD_REQUEST", "hello.hello", json!({"text": long})).await.issues(), ["text: too_long"]);
        user.call("hello.hello", json!({"text": "é".repeat(1000)})).await;
    }

    async fn hello_requires_a_token(app: TestApp) {
        app.anonymous().fail("UNAUTHORIZED", "hello.hello", json!({"text": "you"})).await;
    }
}
