//! Imports that are refused, and what is said about them.

use super::{Importer, Shape, conflicts::is_untouched};
use crate::support::{Process, Sql, on_terminal};

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn an_address_that_does_not_work_is_refused_without_repeating_it() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "mysql://hunter2:hunter2@hunter2/hunter2",
        "hunter2",
        "postgres://hunter2:hunter2@127.0.0.1:1/hunter2?schema=hunter2",
        "postgres://hunter2:hunter2@127.0.0.1:hunter2/hunter2",
        "postgres://hunter2:hunter2@localhost:1/hunter2?connect_timeout=hunter2",
        "postgres:///hunter2?host=/hunter2",
        "postgres://hunter2:a/hunter2@hunter2.example/hunter2",
        "postgres:///?service=hunter2",
        "postgres://hunter2:%zzhunter2@localhost:1/hunter2",
    ] {
        for arguments in [&["import", "--from", url][..], &["import"]] {
            let output = Process::run(folder.path(), arguments, &[("OLD_DATABASE_URL", url)]);
            let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            assert_eq!(output.status.code(), Some(1), "{url}: {text}");
            assert!(text.starts_with("error: ") && !text.contains("hunter2"), "{url}: {text}");
        }
    }
    assert!(folder.path().read_dir().unwrap().next().is_none(), "nothing is created");
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_wrong_user_and_a_wrong_database_are_told_apart_from_a_host_that_is_away() {
    for importer in Importer::all(Shape::Before) {
        for (from, to, cause) in [
            ("user=postgres", "user=nobody1", "the server has no such database or user"),
            ("host=/", "host=/nowhere/", "the server does not listen on this socket"),
        ] {
            let url = importer.old.url().replace(from, to);
            let run = importer.new.run(&["import", "--from", &url]);
            assert_eq!(run.errors, format!("error: could not connect to the old database: {cause}\n"));
        }
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_database_of_something_else_is_refused_before_anything_is_created() {
    for importer in Importer::all(Shape::Before) {
        for (change, missing) in [
            (r#"ALTER TABLE "Customer" RENAME TO "Client""#, "table \"Customer\""),
            (
                r#"ALTER TABLE "Client" RENAME TO "Customer"; ALTER TABLE "User" RENAME COLUMN "id" TO "key""#,
                "column \"id\" in table \"User\"",
            ),
            (
                r#"ALTER TABLE "User" RENAME COLUMN "key" TO "id"; CREATE TABLE "StripeWebhookEvent" ("id" text)"#,
                "column \"processed\" in table \"StripeWebhookEvent\"",
            ),
        ] {
            importer.old.run(change);
            let run = importer.run(&["--on-conflict", "repair"]);
            assert_eq!(run.code, 1, "{missing}");
            assert!(run.errors.starts_with(&format!("error: the old database has no {missing}")), "{}", run.errors);
        }
        assert!(is_untouched(&importer));
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_column_that_the_role_may_not_read_is_not_taken_for_a_missing_one() {
    for importer in Importer::all(Shape::After) {
        let role = format!("blind_{:?}", importer.new.0.backend).to_lowercase();
        importer.old.run(&format!(
            r#"INSERT INTO "User" ("id") VALUES ('ann');
            INSERT INTO "K8sClusterConfig" ("name", "location", "authUserId", "deletedAt") VALUES ('a', 'eu', 'ann', now());
            CREATE ROLE {role} LOGIN;
            GRANT SELECT ON "User", "Customer", "Account", "StripeWebhookEvent" TO {role};
            GRANT SELECT ("id", "name", "location", "authUserId", "plan", "network", "createdAt", "updatedAt", "status")
                ON "K8sClusterConfig" TO {role}"#
        ));
        let url = importer.old.url().replace("user=postgres", &format!("user={role}"));
        let run = importer.new.run(&["import", "--from", &url]);
        assert_eq!(run.code, 1);
        assert!(run.errors.contains("permission denied for table K8sClusterConfig"), "{}", run.errors);
        assert!(is_untouched(&importer));
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_row_that_cannot_be_read_is_named() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run(r#"ALTER TYPE "SubscriptionPlan" ADD VALUE 'ENTERPRISE'"#);
        importer.old.run(
            r#"INSERT INTO "Customer" ("id", "authUserId", "plan")
            SELECT n, 'u' || n, CASE WHEN n IN (987, 995) THEN 'ENTERPRISE'::"SubscriptionPlan" ELSE 'FREE' END
            FROM generate_series(1, 1500) AS n;
            ALTER TABLE "K8sClusterConfig" ALTER COLUMN "name" DROP NOT NULL"#,
        );
        let refusal = || importer.run(&[]).errors.lines().last().unwrap_or_default().to_owned();
        let reason = refusal();
        let named = "error: row \"987\" of \"Customer\" can't be read: ";
        assert!(reason.starts_with(named) && reason.contains("\"ENTERPRISE\" is not one of"), "{reason}");
        importer.old.run(
            r#"UPDATE "Customer" SET "plan" = 'FREE';
            INSERT INTO "K8sClusterConfig" ("id", "name", "location", "authUserId") VALUES (7, NULL, 'eu', 'u1')"#,
        );
        let reason = refusal();
        assert!(reason.starts_with("error: row \"7\" of \"K8sClusterConfig\" can't be read: "), "{reason}");
        assert!(is_untouched(&importer));
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn wrong_options_are_refused() {
    for importer in Importer::all(Shape::Before) {
        let run = importer.run(&["--on-conflict", "guess"]);
        assert!(run.code == 2 && run.errors.contains("abort, skip, repair"), "{}", run.errors);
        assert_eq!(importer.new.run(&["import"]).code, 2, "--from is required");
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn an_empty_old_database_is_imported() {
    for shape in [Shape::Before, Shape::After] {
        for importer in Importer::all(shape) {
            let run = importer.run(&[]);
            assert_eq!((run.code, run.errors.as_str()), (0, ""));
            assert!(run.output.ends_with("There was nothing to import.\n"), "{}", run.output);
            assert_eq!(importer.new.connect().number("SELECT count(*) FROM audit_log"), 0);
        }
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn progress_goes_to_standard_error_and_only_the_report_to_standard_output() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run(r#"INSERT INTO "User" ("id") SELECT 'u' || n FROM generate_series(1, 2000) AS n"#);
        let run = importer.run(&["--json"]);
        assert_eq!(run.errors.lines().next(), Some("rows checked: 500 of 2000"));
        assert_eq!(run.errors.lines().last(), Some("rows imported: 2000 of 2000"));
        serde_json::from_str::<serde_json::Value>(&run.output).unwrap();
    }
}

#[test]
#[cfg_attr(not(installed = "postgresql"), ignore = "needs PostgreSQL")]
fn a_terminal_shows_a_bar_which_is_gone_in_the_end() {
    for importer in Importer::all(Shape::Before) {
        importer.old.run(r#"INSERT INTO "User" ("id") SELECT 'u' || n FROM generate_series(1, 2000) AS n"#);
        let (folder, from) = (importer.new.0.folder.path(), importer.old.url());
        let settings = [("DATABASE_URL", importer.new.0.url.as_str())];
        let command = Process::command(folder, &["import", "--json", "--from", &from], &settings);
        let (output, shown) = on_terminal(command);
        assert!(output.status.success(), "{shown}");
        for part in ["rows checked", "rows imported"] {
            assert!(shown.contains(&format!("{part} \u{2588}")), "{part}: {shown:?}");
        }
        assert!(shown.contains("2,000 of 2,000") && !shown.contains("2000 of 2000"), "{shown:?}");
        // The line is erased (ECMA-48, EL).
        assert!(shown.trim_end().ends_with("\u{1b}[2K"), "{shown:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    }
}
