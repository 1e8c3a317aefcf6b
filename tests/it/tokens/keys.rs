//! Keys from files.

use super::{assert_accepted_as, assert_refused, fixture, sign, with_keys};
use crate::support::claims;

#[tokio::test]
async fn a_pem_file_verifies_rs256_es256_and_eddsa() {
    for (name, other) in [("rsa", "ec"), ("ec", "ed"), ("ed", "rsa")] {
        let app = with_keys("jwt-public-key-file", &fixture(&format!("{name}_public.pem"))).start().await;
        for kid in [None, Some("any name")] {
            assert_accepted_as(&app, &sign(name, kid, &claims("user_1")), "user_1").await;
            assert_refused(&app, &sign(other, kid, &claims("user_1")), "algorithm of its key").await;
        }
    }
}

#[tokio::test]
async fn a_key_set_finds_the_key_by_its_id() {
    let app = with_keys("jwt-jwks-file", &fixture("jwks.json")).start().await;
    for name in ["rsa", "ec", "ed"] {
        assert_accepted_as(&app, &sign(name, Some(name), &claims("user_1")), "user_1").await;
        assert_refused(&app, &sign(name, Some("another"), &claims("user_1")), "names no key").await;
        assert_refused(&app, &sign(name, None, &claims("user_1")), "names no key").await;
    }
    // Two keys have this id.
    for name in ["ec", "ed"] {
        assert_accepted_as(&app, &sign(name, Some("shared"), &claims("user_1")), "user_1").await;
    }
    assert_refused(&app, &sign("ed_other", Some("ed"), &claims("user_1")), "signature is not valid").await;
}
