use super::Operator;
use crate::support::{Backend, On, Sql, both_databases, schema};

/// Runs commands on a database without any migration.
struct Fresh(Operator);

impl On for Fresh {
    async fn on(backend: Backend) -> Self {
        Self(Operator::on_empty(backend))
    }
}

/// The numbers of applied and of pending migrations, as printed by `status`.
fn status(operator: &Operator) -> (usize, usize) {
    let output = operator.ok(&["migrate", "status"]);
    let applied = output.lines().filter(|line| line.starts_with("[x] ")).count();
    (applied, output.lines().filter(|line| line.starts_with("[ ] ")).count())
}

/// The first word of the output, and its number of lines.
fn done(output: &str) -> (&str, usize) {
    (output.split_whitespace().next().unwrap(), output.lines().count())
}

both_databases! {
    async fn the_requested_number_of_migrations_is_applied_or_reverted(fresh: Fresh) {
        let operator = fresh.0;
        let (_, all) = status(&operator);
        assert!(all >= 10);
        for (arguments, said, applied) in [
            (&["up", "-n", "3"][..], ("applied", 3), 3),
            (&["up"], ("applied", all - 3), all),
            (&["up"], ("nothing", 1), all),
            (&["down"], ("reverted", 1), all - 1),
            (&["down", "-n", "2"], ("reverted", 2), all - 3),
            (&["up", "--all"], ("applied", 3), all),
            (&["redo"], ("reverted", 2), all),
            (&["redo", "-n", "3"], ("reverted", 6), all),
            (&["redo", "--all"], ("reverted", 2 * all), all),
            (&["down", "--all"], ("reverted", all), 0),
            (&["down"], ("nothing", 1), 0),
        ] {
            assert_eq!(done(&operator.ok(&[&["migrate"], arguments].concat())), said, "{arguments:?}");
            assert_eq!(status(&operator), (applied, all - applied), "{arguments:?}");
        }
        assert_eq!(operator.connect().tables(), Vec::<String>::new());
    }

    async fn redo_restores_the_same_schema(operator: Operator) {
        let before = schema(&mut operator.connect());
        operator.ok(&["migrate", "redo", "--all"]);
        assert_eq!(schema(&mut operator.connect()), before);
    }

    async fn migrations_are_printed_in_order(fresh: Fresh) {
        let operator = fresh.0;
        let up = operator.ok(&["migrate", "up"]);
        let names: Vec<&str> = up.lines().map(|line| line.strip_prefix("applied ").unwrap()).collect();
        assert!(names.is_sorted() && names[0] == "2024-01-10-000000_initial_schema", "{names:?}");
        let down = operator.ok(&["migrate", "down", "-n", "2"]);
        assert_eq!(down, format!("reverted {}\nreverted {}\n", names[names.len() - 1], names[names.len() - 2]));
    }

    async fn other_commands_refuse_a_database_with_pending_migrations(operator: Operator) {
        operator.ok(&["migrate", "down"]);
        for arguments in [&["token", "list"][..], &["token", "create"], &["user", "list"], &["seed"]] {
            let message = "the database is not migrated to this version; run `clusterdesk migrate up` first";
            operator.refused(arguments, message);
        }
        operator.ok(&["migrate", "up"]);
        operator.ok(&["user", "list"]);
    }

    async fn a_number_and_all_exclude_each_other(operator: Operator) {
        assert_eq!(operator.run(&["migrate", "down", "--all", "-n", "1"]).code, 2);
        assert_eq!(operator.run(&["migrate", "sideways"]).code, 2);
    }

    async fn a_table_that_can_not_be_read_is_not_taken_for_one_that_is_not_migrated(fresh: Fresh) {
        let operator = fresh.0;
        operator.connect().run("CREATE TABLE __diesel_schema_migrations (other INTEGER)");
        let kind = operator.0.address().kind();
        for arguments in [&["token", "list"][..], &["user", "list"], &["purge", "--older-than", "90d"]] {
            let errors = operator.run(arguments).errors;
            assert!(errors.starts_with(&format!("error: could not read from the {kind} database: ")), "{errors}");
            assert!(errors.contains("version") && !errors.contains("migrate up"), "{errors}");
        }
    }
}
