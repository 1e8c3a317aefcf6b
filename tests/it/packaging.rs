//! The files of packaging/ name settings and commands that exist. `packaging/prove` tries what is built from them.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{Process, eventually};

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn help(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Process::run(folder.path(), &[arguments, &["--help"]].concat(), &[]);
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names of all settings.
fn settings() -> BTreeSet<String> {
    let help = help(&["serve"]);
    help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap().to_owned()).collect()
}

/// The words of a text that are written like a setting.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_') && !word.starts_with("POSTGRES_")
    })
}

/// The part of a file that is no comment.
fn code(file: &str) -> String {
    read(file).lines().filter(|line| !line.trim_start().starts_with('#')).map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn files_set_only_settings_that_exist() {
    let mut known = settings();
    // The folder of credentials, and networks and addresses of systemd's own.
    known.extend(["CREDENTIALS_DIRECTORY", "AF_INET", "AF_UNIX"].map(str::to_owned));
    let mut found = 0;
    for file in [
        "packaging/systemd/clusterdesk.service",
        "packaging/container/Dockerfile",
        "packaging/container/compose.yaml",
        "packaging/kubernetes/kustomization.yaml",
        "packaging/kubernetes/deployment.yaml",
        "packaging/kubernetes/migrate.yaml",
    ] {
        for name in named(&code(file)) {
            assert!(known.contains(name), "{file}: {name} is not a setting");
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}

#[tokio::test]
async fn settings_file_of_the_package_is_accepted_with_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let text = read("packaging/clusterdesk.toml").replace("# trusted_", "trusted_").replace("# backup_", "backup_");
    let text = text.replace("/var/lib/clusterdesk", folder.path().join("data").to_str().unwrap());
    fs::write(folder.path().join("clusterdesk.toml"), &text).unwrap();
    let server = Process::serve(folder.path(), &[("BIND_ADDR", "127.0.0.1:0")]);
    assert!(server.banner.contains("curl"), "{text}");
    eventually(async || folder.path().join("data/backups").exists()).await;
}

#[test]
fn unit_passes_each_secret_as_a_credential_that_may_be_absent() {
    let unit = read("packaging/systemd/clusterdesk.service");
    let help = help(&["serve"]);
    // The help shows no value of a secret.
    let secrets: Vec<String> = settings().into_iter().filter(|name| help.contains(&format!("[env: {name}]"))).collect();
    assert!(secrets.len() > 4, "{secrets:?}");
    for name in secrets {
        let lines = [
            format!("LoadCredential={name}:/etc/clusterdesk/credentials/{name}\n"),
            format!("SetCredential={name}:\\n\n"),
        ];
        for line in lines {
            assert!(unit.contains(&line), "{line}");
        }
    }
    for part in ["[Unit]\n", "[Service]\nType=notify\n", "[Install]\nWantedBy=multi-user.target\n"] {
        assert!(unit.contains(part), "{part}");
    }
    // A server that fails or says nothing is started again, however often, and not at once.
    for line in ["StartLimitIntervalSec=0\n", "WatchdogSec=30\n", "Restart=on-failure\n", "RestartSec=2\n"] {
        assert!(unit.contains(line), "{line}");
    }
    let user = unit.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
    for (file, command) in [("packaging/deb/postinst", "adduser "), ("docs/INSTALL.md", "useradd ")] {
        let text = read(file);
        let created = text.lines().find(|line| line.trim_start().starts_with(command)).unwrap();
        assert!(created.ends_with(&format!(" {user}")), "{created}");
    }
}

#[test]
fn kubernetes_runs_commands_that_exist() {
    assert!(read("packaging/kubernetes/migrate.yaml").contains("args: [migrate, up]"));
    help(&["migrate", "up"]);
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("packaging/kubernetes/kustomization.yaml").contains(&format!("newTag: {version}\n")));
    assert!(read("clients/typescript/package.json").contains(&format!("\"version\": \"{version}\"")));
}

#[test]
fn image_has_nothing_but_the_binary_and_runs_as_nobody_on_a_file_system_that_is_read_only() {
    let dockerfile = code("packaging/container/Dockerfile");
    let stages: Vec<&str> = dockerfile.split("FROM ").skip(1).collect();
    let [build, image] = stages[..] else { panic!("{} stages", stages.len()) };
    let user = image.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    let (uid, gid) = user.split_once(':').unwrap();
    assert!(uid.parse::<u32>().unwrap() > 0 && gid.parse::<u32>().unwrap() > 0, "{user}");
    assert!(build.contains(&format!("install -d -m 0700 -o {uid} -g {gid} /image/data")), "{build}");
    let lines: Vec<&str> = image.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[..2], ["scratch", "COPY --from=build /image /"]);
    assert!(lines.contains(&"ENTRYPOINT [\"/clusterdesk\"]") && lines.contains(&"CMD [\"serve\"]"), "{lines:?}");
    let compose = code("packaging/container/compose.yaml");
    let server = compose.split("\nservices:\n").next().unwrap();
    for line in ["  read_only: true\n", "  cap_drop: [ALL]\n", "  security_opt: [\"no-new-privileges:true\"]\n"] {
        assert!(server.contains(line), "{line}");
    }
    assert_eq!(compose.matches("<<: *server\n").count(), 2);
    for file in ["packaging/kubernetes/deployment.yaml", "packaging/kubernetes/migrate.yaml"] {
        let text = code(file);
        let user = format!("runAsUser: {uid}\n");
        for line in
            ["runAsNonRoot: true\n", &user, "readOnlyRootFilesystem: true\n", "allowPrivilegeEscalation: false\n"]
        {
            assert!(text.contains(line), "{file} lacks {line}");
        }
    }
}

#[tokio::test]
async fn probes_of_kubernetes_ask_what_the_server_answers() {
    let folder = tempfile::tempdir().unwrap();
    let text = code("packaging/kubernetes/deployment.yaml");
    let server = Process::serve(folder.path(), &[]);
    for (probe, path) in
        [("startupProbe", "health/live"), ("livenessProbe", "health/live"), ("readinessProbe", "health/ready")]
    {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{probe}:")));
        let line = line.unwrap_or_else(|| panic!("there is no {probe}"));
        assert!(line.contains(&format!("{{ path: /{path}, port: http }}")), "{line}");
        assert_eq!(reqwest::get(format!("{}{path}", server.url)).await.unwrap().status(), 200, "{probe}");
    }
    assert!(text.contains("{ name: http, containerPort: 8080 }") && text.contains("terminationGracePeriodSeconds: 60"));
    assert!(code("packaging/kubernetes/kustomization.yaml").contains("BIND_ADDR=0.0.0.0:8080"));
    assert!(code("packaging/kubernetes/service.yaml").contains("targetPort: http"));
}
