//! Where a sign-in begins: at the button of the explorer's own page, at the host to which the browser comes back.

use super::{HOST, Provider, Visitor, by, location, press_with, signed_in, start};
use crate::support::{Backend, Builder, both_databases};

both_databases! {
    async fn another_site_can_not_begin_a_sign_in(builder: Builder) {
        let (app, provider) = start(builder).await;
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "")],
            &[("origin", "https://evil.com"), ("sec-fetch-site", "same-origin")],
            &[("origin", "null")],
        ] {
            let answer = press_with(&app, &[&[("host", HOST)], foreign].concat()).await;
            assert_eq!((answer.status().as_u16(), location(&answer)), (303, "../sign-in"), "{foreign:?}");
            assert!(!answer.headers().contains_key("set-cookie"), "{foreign:?}");
        }
        // The button, the address bar, and a browser that does not say it.
        for own in [&[("sec-fetch-site", "same-origin")][..], &[("sec-fetch-site", "none")], &[]] {
            let answer = press_with(&app, &[&[("host", HOST)], own].concat()).await;
            signed_in(&app, &Visitor::sent(&app, &provider, &answer).finish(&provider).await);
        }
        assert_eq!(app.count("sessions"), 3);
    }

    async fn at_another_host_the_browser_is_led_to_the_right_one(builder: Builder) {
        let (app, _provider) = start(builder).await;
        for (host, site) in [("localhost:1", "same-origin"), ("127.0.0.1", "none"), ("evil.com", "cross-site")] {
            let answer = press_with(&app, &[("host", host), ("sec-fetch-site", site)]).await;
            assert_eq!((answer.status().as_u16(), location(&answer)), (303, "http://127.0.0.1:1/sign-in"), "{host}");
            assert!(!answer.headers().contains_key("set-cookie"), "{host}");
        }
    }
}

#[tokio::test]
async fn the_right_host_may_have_a_path_and_the_usual_port() {
    let provider = Provider::start().await;
    let redirect = "https://console.example.com/desk/sign-in/oidc/callback";
    let app = by(Builder::new(Backend::Sqlite), &provider).flag("oidc-redirect-url", redirect).start().await;
    for (host, expected) in [
        ("desk.example.com", "https://console.example.com/desk/sign-in"),
        ("console.example.com:80", "https://console.example.com/desk/sign-in"),
        ("console.example.com", &*format!("{}/authorize", provider.url)),
        ("CONSOLE.example.com:443", &*format!("{}/authorize", provider.url)),
    ] {
        let answer = press_with(&app, &[("host", host)]).await;
        assert_eq!(location(&answer).split('?').next(), Some(expected), "{host}");
    }
}
