//! Kubeconfigs that do not work, and what is said of them.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

const SECRET: &str = "s3cr3t-bearer-token";

const WHOLE: &str = "
apiVersion: v1
kind: Config
current-context: prod
clusters:
- {name: c, cluster: {server: 'https://user:s3cr3t-bearer-token@127.0.0.1:1/k8s?x=s3cr3t-bearer-token'}}
users:
- {name: u, user: {token: s3cr3t-bearer-token}}
contexts:
- {name: prod, context: {cluster: c, user: u}}
- {name: no-cluster, context: {cluster: gone, user: u}}
- {name: no-user, context: {cluster: c, user: gone}}
";

fn nowhere() -> Surroundings {
    Surroundings { kubeconfig: None, home: None, in_pod: false }
}

fn written(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    file
}

fn options(file: &Path, context: Option<&str>) -> ConnectOptions {
    ConnectOptions {
        kubeconfig: Some(file.to_owned()),
        context: context.map(str::to_owned),
        ..ConnectOptions::default()
    }
}

/// Opens a kubeconfig of this text; returns what is said, which must name the file and hold no secret.
async fn said(text: &str, context: Option<&str>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&folder, "kubeconfig", text);
    let error = Connection::open_from(options(&file, context), &nowhere()).await.unwrap_err();
    let (shown, debug) = (error.to_string(), format!("{error:?}"));
    assert!(!shown.contains(SECRET) && !debug.contains(SECRET), "{shown}\n{debug}");
    assert!(shown.contains(&file.display().to_string()), "{shown}");
    shown
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("absent");
    let error = Connection::open_from(options(&file, None), &nowhere()).await.unwrap_err();
    assert!(matches!(&error, ClusterError::Unreadable { file: named, .. } if *named == file), "{error}");
    let error = Connection::open_from(options(folder.path(), None), &nowhere()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_no_yaml_is_named_with_the_place_and_not_quoted() {
    let text = format!("users:\n- name: u\n  user: {{token: {SECRET}, : ]\n");
    assert!(said(&text, None).await.contains("line 3"));
    let text = format!("apiVersion: v1\nusers: {SECRET}\n");
    assert!(said(&text, None).await.contains("line 2"));
    let text =
        format!("clusters:\n- {{name: c, cluster: {{server: x, insecure-skip-tls-verify: {SECRET}}}}}\n");
    assert!(said(&text, None).await.contains("line 2"));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    fs::write(&file, [b'a', b':', 0xff, 0xfe, 0x00, 0xc0]).unwrap();
    let error = Connection::open_from(options(&file, None), &nowhere()).await.unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[tokio::test]
async fn an_unknown_context_is_named_with_those_there_are() {
    let shown = said(WHOLE, Some("staging")).await;
    assert!(shown.contains("no context `staging`") && shown.contains("`prod`, `no-cluster`"), "{shown}");
}

#[tokio::test]
async fn without_a_current_context_one_must_be_named() {
    let shown = said(&WHOLE.replace("current-context: prod", "current-context: ''"), None).await;
    assert!(shown.contains("name one of `prod`"), "{shown}");
    let shown = said("", None).await;
    assert!(shown.contains("no contexts at all"), "{shown}");
}

#[tokio::test]
async fn a_context_that_names_what_is_not_there_does_not_become_anonymous() {
    let shown = said(WHOLE, Some("no-cluster")).await;
    assert!(shown.contains("names the cluster `gone`"), "{shown}");
    let shown = said(WHOLE, Some("no-user")).await;
    assert!(shown.contains("names the user `gone`"), "{shown}");
}

#[tokio::test]
async fn a_server_that_is_no_url_is_said_without_showing_it() {
    for server in [SECRET, "127.0.0.1:6443", "ftp://h", "https://", "''"] {
        let text = format!(
            "current-context: x\nclusters: [{{name: c, cluster: {{server: {server}}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c}}}}]\n"
        );
        let shown = said(&text, None).await;
        assert!(shown.contains("must be a URL that begins with https://"), "{server}: {shown}");
    }
}

#[tokio::test]
async fn a_certificate_or_key_that_cannot_be_used_is_said_by_its_field() {
    let user = |fields: &str| WHOLE.replace("{token: s3cr3t-bearer-token}", fields);
    let cluster = |fields: &str| WHOLE.replace("{server:", &format!("{{{fields}, server:"));
    for (text, part) in [
        (
            user("{client-certificate: /absent/crt, client-key: /absent/key}"),
            "/absent/crt that client-certificate",
        ),
        (
            user("{client-certificate-data: '!s3cr3t-bearer-token', client-key-data: YQ==}"),
            "client-certificate-data",
        ),
        (user("{tokenFile: /absent/token}"), "the token file /absent/token cannot be read"),
        (cluster("certificate-authority: /absent/ca"), "/absent/ca that certificate-authority"),
        (
            cluster("certificate-authority-data: '!s3cr3t-bearer-token'"),
            "certificate-authority-data is not base64",
        ),
        (cluster("proxy-url: 'socks5://s3cr3t-bearer-token@h:1'"), "the proxy's URL must begin with"),
    ] {
        let shown = said(&text, None).await;
        assert!(shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn what_a_failing_credential_plugin_prints_is_not_shown() {
    let plugin = |exec: &str| {
        WHOLE.replace(
            "{token: s3cr3t-bearer-token}",
            &format!(
                "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, {exec}}}}}"
            ),
        )
    };
    for (exec, part) in [
        ("command: /absent/plugin", "cannot be run"),
        ("command: sh, args: [-c, 'echo s3cr3t-bearer-token; exit 3']", "exit status: 3"),
        ("command: echo, args: [s3cr3t-bearer-token]", "printed no ExecCredential"),
        ("command: echo, args: ['{\"kind\": \"s3cr3t-bearer-token\"}']", "printed no ExecCredential"),
    ] {
        let shown = said(&plugin(exec), None).await;
        assert!(shown.contains(part), "{shown}");
    }
}

#[tokio::test]
async fn a_server_that_nobody_listens_at_is_named_without_user_and_query() {
    let shown = said(WHOLE, None).await;
    assert!(shown.starts_with("cannot reach https://127.0.0.1:1/k8s (context `prod` of /"), "{shown}");
    assert!(shown.contains("refused"), "{shown}");
}

#[tokio::test]
async fn with_no_kubeconfig_and_no_pod_it_is_said_where_was_looked() {
    let around = Surroundings { home: Some("/absent".into()), ..nowhere() };
    let error = Connection::open_from(ConnectOptions::default(), &around).await.unwrap_err();
    assert!(error.to_string().contains("/absent/.kube/config is not there"), "{error}");
    assert!(error.to_string().contains("--kubeconfig"), "{error}");
}

#[tokio::test]
async fn in_a_pod_a_context_is_refused_and_a_missing_token_is_said() {
    let around = Surroundings { in_pod: true, ..nowhere() };
    let named = ConnectOptions { context: Some("prod".into()), ..ConnectOptions::default() };
    let error = Connection::open_from(named, &around).await.unwrap_err();
    assert!(matches!(error, ClusterError::ContextInPod { .. }), "{error}");
    let error = Connection::open_from(ConnectOptions::default(), &around).await.unwrap_err();
    assert!(error.to_string().contains("the cluster of this pod"), "{error}");
}

#[test]
fn the_flag_comes_before_the_variable_and_that_before_the_home_folder() {
    let folder = tempfile::tempdir().unwrap();
    let config = |server: &str| WHOLE.replace("127.0.0.1:1/k8s", server);
    let flag = written(&folder, "flag", &config("flag"));
    let variable = written(&folder, "variable", &config("variable"));
    fs::create_dir(folder.path().join(".kube")).unwrap();
    written(&folder, ".kube/config", &config("home"));

    let mut around =
        Surroundings { kubeconfig: Some(variable.into()), home: Some(folder.path().into()), in_pod: true };
    let server = |options: &ConnectOptions, around: &Surroundings| {
        choose(options, around).unwrap().map(|chosen| chosen.place.server)
    };
    assert_eq!(server(&options(&flag, None), &around).unwrap(), "https://flag");
    assert_eq!(server(&ConnectOptions::default(), &around).unwrap(), "https://variable");
    around.kubeconfig = Some(OsString::new());
    assert_eq!(server(&ConnectOptions::default(), &around).unwrap(), "https://home");
    around.home = None;
    assert_eq!(server(&ConnectOptions::default(), &around), None);
}

#[test]
fn of_several_kubeconfigs_the_missing_are_left_out_and_the_rest_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let contexts = WHOLE.split_once("contexts:").unwrap();
    let first = written(&folder, "first", contexts.0);
    let second = written(&folder, "second", &format!("current-context: no-user\ncontexts:{}", contexts.1));
    let absent = folder.path().join("absent");
    let list = std::env::join_paths([&absent, &first, &second]).unwrap();
    let around = Surroundings { kubeconfig: Some(list), ..nowhere() };
    let chosen = choose(&ConnectOptions::default(), &around).unwrap().unwrap();
    assert_eq!(chosen.context, "prod");
    assert_eq!(chosen.place.file.unwrap(), format!("{}:{}", first.display(), second.display()));

    let around = Surroundings {
        kubeconfig: Some(absent.clone().into()),
        home: Some(folder.path().into()),
        in_pod: true,
    };
    let error = choose(&ConnectOptions::default(), &around).unwrap_err();
    assert!(matches!(error, ClusterError::Unreadable { file, .. } if file == absent));
}

#[test]
fn a_kubeconfig_that_was_changed_looks_other_than_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&folder, "kubeconfig", WHOLE);
    let stamp = || options(&file, None).stamp_from(&nowhere());
    let first = stamp();
    assert_eq!(stamp(), first);
    // Another of the same length in its place, as whoever writes with care leaves it.
    let next = written(&folder, "next", &WHOLE.replace(SECRET, "s3cr3t-bearer-t0ken"));
    fs::rename(next, &file).unwrap();
    let second = stamp();
    assert_ne!(second, first);
    written(&folder, "kubeconfig", "");
    assert_ne!(stamp(), second);
    fs::remove_file(&file).unwrap();
    assert_ne!(stamp(), second);
}

#[test]
fn of_several_kubeconfigs_each_is_looked_at_and_one_that_comes_into_being_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let first = written(&folder, "first", WHOLE);
    let second = folder.path().join("second");
    let around = Surroundings {
        kubeconfig: Some(std::env::join_paths([&first, &second]).unwrap()),
        home: Some(folder.path().into()),
        in_pod: false,
    };
    let stamp = |around: &Surroundings| ConnectOptions::default().stamp_from(around);
    let before = stamp(&around);
    fs::write(&second, WHOLE).unwrap();
    assert_ne!(stamp(&around), before);

    let around = Surroundings { kubeconfig: None, ..around };
    let before = stamp(&around);
    fs::create_dir(folder.path().join(".kube")).unwrap();
    written(&folder, ".kube/config", WHOLE);
    assert_ne!(stamp(&around), before);
}
