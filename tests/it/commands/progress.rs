//! What commands show on a terminal while they work.

use super::Operator;
use crate::support::{Backend, Process, both_databases, on_terminal};

impl Operator {
    /// Runs a command that must succeed on a terminal. Returns what it shows there.
    fn shown(&self, arguments: &[&str]) -> String {
        let settings = [("DATABASE_URL", self.0.url.as_str())];
        let (output, shown) = on_terminal(Process::command(self.0.folder.path(), arguments, &settings));
        assert!(output.status.success(), "{arguments:?}: {shown}");
        shown
    }
}

/// Whether there is the picture before the first step, or a later one.
fn has_bar(shown: &str, part: &str) -> bool {
    ["\u{2591}", "\u{2588}"].iter().any(|bar| shown.contains(&format!("{part} {bar}")))
}

#[test]
fn a_backup_and_its_restoration_show_a_bar_and_remove_it() {
    let operator = Operator(Backend::Sqlite.database());
    for arguments in [["backup", "--to", "copy.db"], ["restore", "--from", "copy.db"]] {
        let shown = operator.shown(&arguments);
        assert!(has_bar(&shown, "MB written") && shown.trim_end().ends_with("\u{1b}[2K"), "{shown:?}");
    }
}

both_databases! {
    async fn commands_that_may_take_long_show_a_bar_and_remove_it(operator: Operator) {
        let copy = ["copy", "--from", &operator.0.url, "--to", "sqlite:copy.db"];
        for (arguments, parts) in [
            (&["migrate", "redo"][..], &["migrations"][..]),
            (&["seed", "--users", "1200"], &["users seeded", "events seeded"]),
            (&["audit", "verify"], &["entries"]),
            (&["audit", "export", "--to", "log.ndjson"], &["entries"]),
            (&copy, &["users copied", "users compared"]),
            (&["purge", "--older-than", "1d"], &["clusters", "events"]),
        ] {
            let shown = operator.shown(arguments);
            for part in parts {
                assert!(has_bar(&shown, part), "{part}: {shown:?}");
            }
            // The line is erased (ECMA-48, EL).
            assert!(shown.trim_end().ends_with("\u{1b}[2K"), "{shown:?}");
        }
    }
}
