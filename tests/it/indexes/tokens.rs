//! Tokens and sessions of users.

use clusterdesk::{
    db::{DbConnection, Timestamp},
    models::{
        api_token::ApiToken,
        session::{NewSession, Session},
        sign_in_link::{NewSignInLink, forget_all, take},
        used_sign_in,
    },
};

use super::{Case, case, early};

/// Every function about them, as [`super::cases`].
pub fn cases() -> Vec<Case> {
    let now = Timestamp::now();
    vec![
        case(move |conn| drop(ApiToken::holder(conn, "unknown", now).unwrap()), &[]),
        case(|conn| assert_eq!(ApiToken::is_known(conn, "unknown"), Ok(false)), &[]),
        case(|conn| drop(ApiToken::list(conn, Some("user_7")).unwrap()), &["api_tokens_user_id"]),
        case(move |conn| assert_eq!(ApiToken::revoke(conn, 3, now), Ok(true)), &[]),
        case(move |conn| assert_eq!(ApiToken::revoke_all(conn, "user_7", now), Ok(4)), &["api_tokens_user_id"]),
        case(|conn| assert_eq!(ApiToken::delete_all(conn, "user_7"), Ok(4)), &["api_tokens_user_id"]),
        case(
            move |conn| {
                assert_eq!(ApiToken::count_live(conn, "user_7", now), Ok(4));
                assert_eq!(ApiToken::forget_dead(conn, "user_7", now), Ok(0));
            },
            &["api_tokens_user_id"],
        ),
        case(move |conn| assert!(ApiToken::find_live(conn, 6, now).unwrap().is_some()), &[]),
        case(move |conn| assert_eq!(ApiToken::note_use(conn, &hash(7), now, Some("::1")), Ok(true)), &[]),
        case(|conn| assert!(Session::holder(conn, &hash(7), early()).unwrap().is_none()), &[]),
        case(|conn| drop(Session::of(conn, "user_7", early()).unwrap()), &["sessions_user_id"]),
        case(|conn| assert_eq!(Session::end(conn, "user_7", 6), Ok(true)), &["sessions_user_id"]),
        case(|conn| assert_eq!(Session::end_all(conn, "user_7"), Ok(4)), &["sessions_user_id"]),
        case(move |conn| assert_eq!(Session::note_use(conn, &hash(7), now, Some("::1")), Ok(true)), &[]),
        case(
            move |conn: &mut DbConnection| {
                let (user_id, hash) = ("user_7", "f".repeat(64));
                let (created_at, expires_at, last_used_at, last_used_address) = (now, now, now, None);
                let new = NewSession { user_id, hash: &hash, created_at, expires_at, last_used_at, last_used_address };
                new.insert(conn).unwrap();
                NewSignInLink { hash: &hash, user_id, expires_at }.insert(conn, now).unwrap();
            },
            &["sessions_user_id", "sign_in_links_user_id"],
        ),
        case(|conn| assert_eq!(take(conn, &hash(7), early()), Ok(None)), &[]),
        case(
            |conn| assert_eq!(used_sign_in::take(conn, &"f".repeat(64), Timestamp::now(), early()), Ok(true)),
            &["used_sign_ins_expires_at"],
        ),
        case(|conn| assert_eq!(forget_all(conn, "user_7"), Ok(1)), &["sign_in_links_user_id"]),
    ]
}

/// The hash in the row with this number.
fn hash(number: u32) -> String {
    format!("{number:064}")
}
