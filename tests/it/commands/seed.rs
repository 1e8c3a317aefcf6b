use clusterdesk::models::user::Role;

use super::Operator;
use crate::support::{Sql, both_databases};

const REFUSAL: &str = "the database is not empty; --force adds the sample data all the same";

both_databases! {
    async fn an_empty_database_is_filled_with_what_is_said(operator: Operator) {
        operator.user("root", Role::Admin);
        assert_eq!(operator.ok(&["seed"]), "seeded 20 users, 6 customers, 24 clusters\n");
        let mut conn = operator.connect();
        for (query, number) in [
            ("SELECT count(*) FROM users WHERE id LIKE 'user_sample_%'", 20),
            ("SELECT count(*) FROM customers", 6),
            ("SELECT count(*) FROM customers WHERE plan <> 'FREE' AND stripe_current_period_end > created_at", 4),
            ("SELECT count(*) FROM k8s_cluster_configs", 24),
            ("SELECT count(*) FROM k8s_cluster_configs WHERE deleted_at IS NOT NULL", 4),
            ("SELECT sum(live) FROM live_counts WHERE entity = 'cluster'", 20),
        ] {
            assert_eq!(conn.number(&query.replace("sum(live)", "CAST(sum(live) AS BIGINT)")), number, "{query}");
        }
        assert_eq!(operator.audited(), ["seed database sample {\"users\":20,\"clusters\":24}"]);
    }

    async fn two_seeded_databases_are_alike(operator: Operator) {
        let other = Operator(operator.0.backend.database());
        let seeded = [&operator, &other].map(|operator| {
            operator.ok(&["seed", "--users", "9"]);
            let clusters = "SELECT id || name || location || plan || status || auth_user_id FROM k8s_cluster_configs ORDER BY id";
            [operator.connect().texts("SELECT id || name || email FROM users ORDER BY id"), operator.connect().texts(clusters)]
        });
        assert_eq!(seeded[0], seeded[1]);
    }

    async fn a_database_in_use_is_left_alone_unless_forced(operator: Operator) {
        operator.ok(&["seed", "--users", "3"]);
        operator.refused(&["seed"], REFUSAL);
        assert_eq!(operator.ok(&["seed", "--users", "5", "--force"]), "seeded 2 users, 0 customers, 2 clusters\n");
        let users = operator.connect().number("SELECT count(*) FROM users");
        assert_eq!(users, 5, "those that were there are left alone");
    }

    async fn one_user_is_enough_to_be_in_use(operator: Operator) {
        operator.user("ann", Role::User);
        operator.refused(&["seed"], REFUSAL);
    }
}
