//! An attempt works once, for ten minutes, and in the browser that began it.

use clusterdesk::{auth::Attempt, db::Timestamp};
use futures_util::future::join_all;
use reqwest::Method;

use super::{Provider, Visitor, by, client, press, refusal, signed_in, start, visit};
use crate::{
    console::told,
    rate_limits::limited,
    support::{Builder, both_databases, hours_ago},
};

both_databases! {
    async fn an_attempt_works_once(builder: Builder) {
        let (app, provider) = start(builder).await;
        let visitor = Visitor::begin(&app, &provider).await;
        signed_in(&app, &visitor.finish(&provider).await);
        assert_eq!(refusal(&visitor.finish(&provider).await), "stale");
        // Also of several who come back at the same time.
        let visitor = Visitor::begin(&app, &provider).await;
        let answers = join_all((0..6).map(|_| visitor.finish(&provider))).await;
        assert_eq!(answers.iter().filter(|answer| answer.headers()["location"] == "../../").count(), 1);
        assert_eq!(app.count("sessions"), 2);
        // And also when it came to nothing.
        let visitor = Visitor::begin(&app, &provider).await;
        let declined = [("error", "access_denied"), ("error_description", "<b>no</b>"), ("state", visitor.state())];
        assert_eq!(refusal(&visitor.come_back(&declined).await), "declined");
        assert_eq!(refusal(&visitor.finish(&provider).await), "stale");
        assert_eq!(provider.state().exchanges.len(), 2);
    }

    async fn only_the_browser_that_began_it_can_finish_it(builder: Builder) {
        let (app, provider) = start(builder).await;
        let (visitor, other) = (Visitor::begin(&app, &provider).await, Visitor::begin(&app, &provider).await);
        let code = provider.authorize(&visitor.request);
        let without_cookie = Visitor { cookie: String::new(), ..visitor.clone() };
        let with_nonsense = Visitor { cookie: "clusterdesk-sign-in=1.cdc_".to_owned(), ..visitor.clone() };
        for browser in [&without_cookie, &with_nonsense, &other] {
            assert_eq!(refusal(&browser.come_back(&[("code", &code), ("state", visitor.state())]).await), "stale");
        }
        for query in [
            &[("code", code.as_str())][..],
            &[("code", &code), ("state", "")],
            &[("code", &code), ("state", other.state())],
            &[("code", &code), ("state", visitor.state()), ("state", visitor.state())],
            &[("code", &code), ("code", &code), ("state", visitor.state())],
        ] {
            assert_eq!(refusal(&visitor.come_back(query).await), "stale", "{query:?}");
        }
        assert_eq!((app.count("sessions"), app.count("used_sign_ins"), provider.state().exchanges.len()), (0, 0, 0));
        // None of this has used the attempt up.
        signed_in(&app, &visitor.come_back(&[("code", &code), ("state", visitor.state())]).await);
    }

    async fn an_attempt_that_took_too_long_is_over(builder: Builder) {
        let (app, provider) = start(builder).await;
        let begun_at = |minutes: u64| Timestamp::now().minus(std::time::Duration::from_secs(60 * minutes));
        for (minutes, expected) in [(9, None), (10, Some("stale")), (60, Some("stale"))] {
            let visitor = Visitor::begin(&app, &provider).await;
            let (_, secret) = visitor.cookie.split_once(".cdc_").unwrap();
            let text = format!("{}.cdc_{secret}", begun_at(minutes).millis());
            // What the server would have sent to the provider at that time.
            let attempt = Attempt::read(&text, begun_at(minutes)).unwrap();
            let mut request = visitor.request.clone();
            request.insert("state".to_owned(), attempt.state());
            request.insert("nonce".to_owned(), attempt.nonce());
            let challenge = oauth2::PkceCodeVerifier::new(attempt.verifier());
            let challenge = oauth2::PkceCodeChallenge::from_code_verifier_sha256(&challenge);
            request.insert("code_challenge".to_owned(), challenge.as_str().to_owned());
            let visitor = Visitor { cookie: format!("clusterdesk-sign-in={text}"), request, ..visitor };
            let answer = visitor.finish(&provider).await;
            match expected {
                Some(word) => assert_eq!(refusal(&answer), word, "{minutes} minutes ago"),
                None => drop(signed_in(&app, &answer)),
            }
        }
        // Those that are over are forgotten when the next one is used.
        let hash = "0".repeat(64);
        app.execute(&format!("INSERT INTO used_sign_ins VALUES ('{hash}', {})", crate::support::literal(hours_ago(1))));
        signed_in(&app, &visit(&app, &provider).await);
        assert_eq!(app.count(&format!("used_sign_ins WHERE hash = '{hash}'")), 0);
        assert_eq!(app.count("used_sign_ins"), 2);
    }

    async fn another_server_on_the_same_database_can_finish_it(builder: Builder) {
        let (app, provider) = start(builder).await;
        let beside = by(app.beside(), &provider).start().await;
        let visitor = Visitor::begin(&app, &provider).await;
        let there = Visitor { url: beside.url.clone(), ..visitor.clone() };
        let browser = signed_in(&beside, &there.finish(&provider).await);
        assert_eq!(browser.who().await, "oidc|1");
        assert_eq!(refusal(&visitor.finish(&provider).await), "stale");
    }

    async fn attempts_are_counted_by_address(builder: Builder) {
        let provider = Provider::start().await;
        let app = by(limited(builder, 2, 2), &provider).start().await;
        let visitor = Visitor::begin(&app, &provider).await;
        assert_eq!(press(&app).await.headers()["location"].to_str().unwrap().split('?').next(), Some(&*format!("{}/authorize", provider.url)));
        assert_eq!(refusal(&press(&app).await), "limit");
        let wrong = [("code", "x"), ("state", "wrong")];
        assert_eq!(refusal(&visitor.come_back(&wrong).await), "stale");
        assert_eq!(refusal(&visitor.come_back(&wrong).await), "stale");
        assert_eq!(refusal(&visitor.finish(&provider).await), "limit");
        assert_eq!(provider.state().exchanges.len(), 0);
    }

    async fn only_a_get_is_answered(builder: Builder) {
        let (app, _provider) = start(builder).await;
        for (path, allow) in [("sign-in/oidc", "GET"), ("sign-in/oidc/callback", "GET"), ("sign-in/options", "GET, HEAD")] {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                let refused = client().request(method, format!("{}{path}", app.url)).send().await.unwrap();
                assert_eq!(refused.headers()["allow"], allow);
                assert_eq!(told(refused).await.0, 405);
            }
        }
    }
}
