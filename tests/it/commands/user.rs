use clusterdesk::models::user::Role;

use super::Operator;
use crate::support::{Sql, both_databases};

both_databases! {
    async fn the_list_shows_users_newest_first_and_can_be_searched(operator: Operator) {
        for (id, role) in [("root", Role::Admin), ("ann", Role::User), ("bob", Role::User)] {
            operator.user(id, role);
        }
        operator.connect().run(
            "UPDATE users SET created_at = '2026-01-01 10:00:00' WHERE id = 'ann';
            INSERT INTO k8s_cluster_configs (name, location, auth_user_id, created_at, updated_at)
            VALUES ('a', 'eu', 'ann', '2026-01-01', '2026-01-01');
            UPDATE users SET deleted_at = created_at WHERE id = 'bob'",
        );
        let output = operator.ok(&["user", "list"]);
        let rows: Vec<Vec<&str>> = output.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows.len(), 2, "the deleted user is not listed: {output}");
        assert_eq!((&rows[0][..2], &rows[0][3..]), (&["ADMIN", "0"][..], &["root", "root@example.com"][..]));
        assert_eq!(rows[1], ["USER", "1", "2026-01-01T10:00:00.000Z", "ann", "ann@example.com"]);
        for (search, found) in [("ANN", 1), ("@example.com", 2), ("Name of", 2), ("%", 0), ("nobody", 0)] {
            let output = operator.ok(&["user", "list", "--search", search]);
            assert_eq!(output.lines().count() - 1, found, "{search}: {output}");
        }
    }

    async fn a_list_of_several_pages_is_complete(operator: Operator) {
        operator.ok(&["seed", "--users", "1100"]);
        let output = operator.ok(&["user", "list"]);
        let ids: std::collections::BTreeSet<_> = output.lines().skip(1).map(|l| l.split_whitespace().nth(3)).collect();
        let live = operator.connect().number("SELECT count(*) FROM users WHERE deleted_at IS NULL");
        assert!(live > 1000, "{live}");
        assert_eq!((ids.len(), output.lines().count()), (live as usize, live as usize + 1));
    }

    async fn promoting_or_demoting_again_changes_nothing(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.user("ann", Role::User);
        for (command, said) in [
            ("promote", "ann is now ADMIN\n"), ("promote", "ann was already ADMIN\n"),
            ("demote", "ann is now USER\n"), ("demote", "ann was already USER\n"),
        ] {
            assert_eq!(operator.ok(&["user", command, "ann"]), said);
        }
        assert_eq!(operator.audited(), [
            "user.setRole user ann {\"from\":\"USER\",\"to\":\"ADMIN\"}",
            "user.setRole user ann {\"from\":\"ADMIN\",\"to\":\"USER\"}",
        ]);
    }

    async fn the_last_admin_can_not_be_demoted(operator: Operator) {
        operator.user("root", Role::Admin);
        operator.refused(&["user", "demote", "root"], "this is the last admin; promote another user first");
        operator.user("ann", Role::User);
        operator.ok(&["user", "promote", "ann"]);
        operator.ok(&["user", "demote", "root"]);
        operator.refused(&["user", "demote", "ann"], "this is the last admin; promote another user first");
    }

    async fn a_user_who_never_signed_in_can_not_be_promoted(operator: Operator) {
        let message = "there is no user \"ann\"; users are created when they first sign in";
        operator.refused(&["user", "promote", "ann"], message);
        operator.user("ann", Role::User);
        operator.connect().run("UPDATE users SET deleted_at = created_at");
        operator.refused(&["user", "promote", "ann"], message);
    }
}
