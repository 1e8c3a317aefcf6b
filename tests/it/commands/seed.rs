use clusterdesk::models::user::Role;

use super::Operator;
use crate::support::{Sql, both_databases};

const REFUSAL: &str = "the database is not empty; --force adds the sample data anyway";

both_databases! {
    async fn the_printed_numbers_of_rows_are_inserted(operator: Operator) {
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

    async fn two_seeded_databases_have_the_same_data(operator: Operator) {
        let other = Operator(operator.0.backend.database());
        let seeded = [&operator, &other].map(|operator| {
            operator.ok(&["seed", "--users", "9"]);
            let clusters = "SELECT id || name || location || plan || status || auth_user_id FROM k8s_cluster_configs ORDER BY id";
            [operator.connect().texts("SELECT id || name || email FROM users ORDER BY id"), operator.connect().texts(clusters)]
        });
        assert_eq!(seeded[0], seeded[1]);
    }

    async fn a_database_with_data_is_not_seeded_without_force(operator: Operator) {
        operator.ok(&["seed", "--users", "3"]);
        operator.refused(&["seed"], REFUSAL);
        assert_eq!(operator.ok(&["seed", "--users", "5", "--force"]), "seeded 2 users, 0 customers, 2 clusters\n");
        let users = operator.connect().number("SELECT count(*) FROM users");
        assert_eq!(users, 5, "existing users are not changed");
    }

    async fn a_database_with_one_user_is_not_seeded_without_force(operator: Operator) {
        operator.user("ann", Role::User);
        operator.refused(&["seed"], REFUSAL);
    }
}
