//! A real kube-apiserver takes and refuses policies as this crate says that it does.
#![allow(clippy::unwrap_used)]

mod cases;

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use cases::{CASES, Outcome};
use sundew_testplane::{Pki, binaries};

/// How long an API server may take to say what it thinks of a policy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Those of the cases that are tried again each time: one of each kind of refusal, and what surprises.
const TRIED: &[&str] = &[
    "unknown field in a rule",
    "wrong case of a key",
    "v1beta1",
    "no kind",
    "empty rules",
    "resources and urls",
    "group with version",
    "group core",
    "anchors",
    "merge no override",
    "merge Bad overridden before",
    "two docs second broken",
    "flow yaml",
    "tabs",
    "namespaces y",
];

#[test]
fn policies_are_taken_and_refused_as_they_are_here() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    for name in TRIED {
        let case = CASES.iter().find(|case| case.name == *name).unwrap();
        assert_eq!(tried(&binaries, folder.path(), &pki, &case.text()), case.outcome, "{name}");
    }
}

/// What an API server does with a policy. It reads it before it needs its store, and so gets none.
fn tried(binaries: &Path, folder: &Path, pki: &Pki, policy: &str) -> Outcome {
    let (policy_file, log) = (folder.join("tried.yaml"), folder.join("tried.log"));
    fs::write(&policy_file, policy).unwrap();
    let out = fs::File::create(&log).unwrap();
    let file = |name: &str| pki.path(name).display().to_string();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut server = Command::new(binaries.join("kube-apiserver"))
        .args([
            // Nothing listens there.
            "--etcd-servers=http://127.0.0.1:1".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--cert-dir={}", folder.join("tried").display()),
            format!("--tls-cert-file={}", file("apiserver.crt")),
            format!("--tls-private-key-file={}", file("apiserver.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-signing-key-file={}", file("sa.key")),
            format!("--service-account-key-file={}", file("sa.pub")),
            format!("--audit-policy-file={}", policy_file.display()),
            format!("--audit-log-path={}", folder.join("tried-audit.log").display()),
            "-v=4".to_owned(),
        ])
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let outcome = loop {
        let ended = server.try_wait().unwrap().is_some();
        let said = fs::read_to_string(&log).unwrap();
        if said.contains("Load audit policy rules success") {
            break Ok(if said.contains("falling back to lenient") { Outcome::Warns } else { Outcome::Loads });
        }
        if ended && said.contains("loading audit policy file") {
            break Ok(Outcome::Stops);
        }
        if ended || Instant::now() > deadline {
            break Err(said);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    // Fails where it has ended already.
    let _ = server.kill();
    server.wait().unwrap();
    outcome.unwrap_or_else(|said| panic!("it says nothing of its policy: {said}"))
}
