//! `sundew status` and `sundew redeliver`, and a sink whose URL is a secret.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::common::{INVENTORY, Ran, Watch, append, eventually, fed, ran, sundew, unpacked};

const HUSH: &str = "/services/T0000/B0000/hush-hush-hush";

/// A folder whose sensor reads standard input and posts to `server`, by a URL that stands in a file.
fn folder(server: &str, source: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("inventory.yaml", INVENTORY);
    write("url", &format!("{server}{HUSH}\n"));
    write(
        "sundew.yaml",
        &format!(
            "
version: 1
cluster: demo
inventory: inventory.yaml
sources: [{source}]
sinks: [{{type: webhook, name: pager, urlFile: url}}, {{type: slack, name: chat, urlFile: url}}]
"
        ),
    );
    folder
}

const STDIN: &str = "{type: stdin, name: audit}";

fn watch_theft(folder: &Path) -> Ran {
    let ran = fed(sundew().args(["watch", "-c"]).arg(folder.join("sundew.yaml")), &unpacked("theft"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

fn on(folder: &Path, args: &[&str]) -> Ran {
    ran(sundew().arg(args[0]).arg("-c").arg(folder.join("sundew.yaml")).args(&args[1..]))
}

fn status(folder: &Path) -> Value {
    let ran = on(folder, &["status", "-o", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

async fn answer(server: &MockServer, code: u16) {
    server.reset().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(code).set_body_string("ok"))
        .mount(server)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_given_up_is_listed_and_sent_when_asked_for() {
    let server = MockServer::start().await;
    answer(&server, 400).await;
    let folder = folder(&server.uri(), STDIN);
    watch_theft(folder.path());
    let before = status(folder.path());
    let dead = before["deadLetters"].as_array().unwrap();
    assert!(!dead.is_empty(), "{before:#}");
    let first = dead[0]["number"].as_i64().unwrap();
    let table = on(folder.path(), &["status"]).out;
    for want in ["given up: number ", "pager", "chat", "critical", "kubelet_mount", "honeypot/backup-sa"] {
        assert!(table.contains(want), "`{want}` is not in:\n{table}");
    }
    assert!(!table.contains('\x1b') && !table.contains("hush"));

    let one = on(folder.path(), &["redeliver", &first.to_string()]);
    assert_eq!((one.code, one.out.starts_with("1 message will be sent")), (0, true), "{}", one.out);
    let none = on(folder.path(), &["redeliver", "999999"]);
    assert_eq!((none.code, none.out.as_str()), (2, ""));
    assert!(none.err.contains("999999") && none.err.contains("`sundew status` lists"), "{}", none.err);
    let all = on(folder.path(), &["redeliver"]);
    assert_eq!(all.code, 0, "{}", all.err);
    assert!(status(folder.path())["deadLetters"].as_array().unwrap().is_empty());

    answer(&server, 200).await;
    let ran = fed(sundew().args(["watch", "-c"]).arg(folder.path().join("sundew.yaml")), b"");
    assert_eq!(ran.code, 0, "{}", ran.err);
    let sinks = status(folder.path())["sinks"].clone();
    let waiting = |sink: &Value| sink["waiting"].as_u64().unwrap() + sink["dead"].as_u64().unwrap();
    assert_eq!(sinks.as_array().unwrap().iter().map(waiting).sum::<u64>(), 0, "{sinks:#}\n{}", ran.err);
    assert!(server.received_requests().await.unwrap().len() >= dead.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_running_sensor_can_be_read() {
    let server = MockServer::start().await;
    answer(&server, 200).await;
    let folder = folder(&server.uri(), "{type: file, name: audit, path: audit.log}");
    let log = folder.path().join("audit.log");
    append(&log, unpacked("theft"));
    let watch = Watch::start(folder.path());
    let size = fs::metadata(&log).unwrap().len();
    eventually("the position", || {
        (status(folder.path())["positions"]["audit"]["offset"] == size).then_some(())
    });
    let status = status(folder.path());
    assert!(!status["incidents"].as_array().unwrap().is_empty(), "{status:#}");
    let duty = status["suppressed"].as_array().unwrap();
    assert_eq!(duty.iter().map(|s| s["count"].as_u64().unwrap()).sum::<u64>(), 20, "{status:#}");
    assert!(status["rejects"].as_array().unwrap().is_empty(), "{status:#}");
    assert_eq!(watch.stop().code, 0);
}

#[test]
fn a_store_that_no_sensor_has_made_is_not_made_by_looking() {
    let folder = folder("http://127.0.0.1:9", STDIN);
    let ran = on(folder.path(), &["redeliver"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("sundew.yaml") && ran.err.contains("has `sundew watch` run?"), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    // The decoys can be told of without it.
    let ran = on(folder.path(), &["status"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("kube-system/tiller") && ran.out.contains("has not run"), "{}", ran.out);
    assert!(!ran.out.contains("INCIDENTS"), "{}", ran.out);
    assert!(!folder.path().join("sundew.db").exists());
}

#[test]
fn a_status_with_no_inventory_says_how_one_is_made_and_found_again() {
    let folder = folder("http://127.0.0.1:9", STDIN);
    fs::remove_file(folder.path().join("inventory.yaml")).unwrap();
    let ran = on(folder.path(), &["status"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for want in ["inventory.yaml", "`sundew plant`", "`sundew status --search`"] {
        assert!(ran.out.contains(want), "{}", ran.out);
    }
}

/// Answers of every kind, and no answer at all, while everything is logged.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_url_is_never_logged_however_much_is_logged() {
    let server = MockServer::start().await;
    for code in [Some(200), Some(302), Some(404), Some(500), None] {
        let to = match code {
            Some(code) => {
                answer(&server, code).await;
                server.uri()
            }
            // A port of this machine on which nothing listens.
            None => "http://127.0.0.1:9".into(),
        };
        for format in ["plain", "json"] {
            let folder = folder(&to, STDIN);
            let mut command = sundew();
            command.env("SUNDEW_LOG", "trace").env("SUNDEW_LOG_FORMAT", format);
            command.args(["watch", "-c"]).arg(folder.path().join("sundew.yaml"));
            let ran = fed(&mut command, &unpacked("theft"));
            assert_eq!(ran.code, 0, "{}", ran.err);
            assert!(ran.err.contains("TRACE"), "{}", ran.err);
            let told = ran.err.lines().find(|line| line.contains("hush") || line.contains("T0000"));
            assert_eq!(told, None, "{code:?}");
            assert!(!status(folder.path()).to_string().contains("hush"));
        }
    }
}
