//! Look-ups of many rows by their ids, which an import makes.

use clusterdesk::models::presence;

use super::{Case, case};

const USERS: [&str; 3] = ["user_3", "user_6", "nobody"];

/// Every look-up, as [`super::cases`].
pub fn cases() -> Vec<Case> {
    let owned = &["k8s_cluster_configs_live_owner_plan", "k8s_cluster_configs_auth_user_id_id"];
    vec![
        case(|conn| assert_eq!(presence::users(conn, &USERS).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(presence::gone_users(conn, &["gone_1", "user_1"]).unwrap().len(), 1), &[]),
        case(|conn| assert_eq!(presence::emails(conn, &["user1@example.com", "x"]).unwrap().len(), 1), &[]),
        case(|conn| assert_eq!(presence::customers(conn, &[1, 2, -1]).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(presence::customers_of(conn, &USERS).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(presence::stripe_customers(conn, &["cus_nobody", "x"]).unwrap().len(), 0), &[]),
        case(|conn| assert_eq!(presence::subscribers(conn, &["sub_nobody", "x"]).unwrap().len(), 0), &[]),
        case(|conn| assert_eq!(presence::clusters(conn, &[1, 2, -1]).unwrap().len(), 2), &[]),
        case(|conn| assert!(!presence::live_plans(conn, &USERS).unwrap().is_empty()), owned),
        case(|conn| assert_eq!(presence::subscriptions(conn, &["sub_1", "sub_2", "x"]).unwrap().len(), 2), &[]),
        case(|conn| assert_eq!(presence::events(conn, &["evt_1", "evt_2", "x"]).unwrap().len(), 2), &[]),
    ]
}
