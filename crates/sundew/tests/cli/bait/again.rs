//! Planting that is broken off, and the same command once more.

use std::{fs, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    Site,
    plane::{Act, Plane},
};
use crate::common::{Ran, eventually, sundew};

async fn site() -> (Plane, Site) {
    let plane = Plane::start(&["kube-system", "production"]).await;
    let site = Site::with(&[("kubeconfig", &plane.kubeconfig())]);
    (plane, site)
}

/// Plants, and presses Ctrl-C while the server is silent about a request that makes something at this place.
fn broken_off(plane: &Plane, site: &Site, persona: &str, place: &'static str) {
    plane.rule(move |method, path| match method == "POST" && path.ends_with(place) {
        true => Act::Hang,
        false => Act::Go,
    });
    let mut command = sundew();
    command.args(["plant", "--persona", persona, "--yes", "--kubeconfig", "kubeconfig"]);
    command.current_dir(site.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    eventually("a request that hangs", || plane.hangs().then_some(()));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait().unwrap();
    plane.rule(|_, _| Act::Go);
}

fn inventory(site: &Site) -> String {
    fs::read_to_string(site.path().join("inventory.yaml")).unwrap()
}

/// The same command, as far as a cluster without a token controller lets it: every object is made once more, and taken
/// back as no Secret is filled.
fn again(site: &Site, persona: &str, more: &[&str]) -> Ran {
    let args = ["plant", "--persona", persona, "--kubeconfig", "kubeconfig", "--yes", "--patience", "100ms"];
    site.run(&[&args, more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_being_made_when_a_run_ended_is_in_nobodys_way() {
    let (plane, site) = site().await;
    broken_off(&plane, &site, "argocd-manager", "/serviceaccounts");
    let left = inventory(&site);
    assert!(left.contains("state: planting") && left.contains("digest:") && !left.contains("uid:"), "{left}");
    assert_eq!(plane.objects().len(), 1);

    let Ran { code, out, err } = again(&site, "argocd-manager", &[]);
    assert_eq!(code, 2, "{out}{err}");
    assert!(err.contains("what it made is taken back first") && err.contains("never filled"), "{err}");
    assert!(plane.objects().is_empty(), "{:?}", plane.objects());
    assert!(!inventory(&site).contains("argocd"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_drawn_anew_each_time_is_taken_up_again() {
    let (plane, site) = site().await;
    broken_off(&plane, &site, "ci-deployer-azure", "/secrets");
    let made = plane.objects();
    assert_eq!(made.len(), 2, "{made:?}");
    let account = made.iter().find(|path| path.contains("/serviceaccounts/")).unwrap();
    let account = account.rsplit('/').next().unwrap();

    let Ran { code, out, err } = again(&site, "ci-deployer-azure", &[]);
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains(&format!("Decoy production/{account}")), "{out}");
    assert!(err.contains("what it made is taken back first"), "{err}");
    assert!(plane.objects().is_empty(), "{:?}", plane.objects());
    assert!(!inventory(&site).contains("azdev"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_another_name_is_told_what_an_earlier_run_left() {
    let (plane, site) = site().await;
    broken_off(&plane, &site, "ci-deployer-azure", "/secrets");
    let before = plane.objects();
    let Ran { code, out, err } =
        again(&site, "ci-deployer-azure", &["--set", "account=azdev-sa-0a1b2c", "--dry-run"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("half planted: `sundew remove production/azdev-sa-"), "{err}");
    assert_eq!(plane.objects(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_under_a_name_that_was_not_begun_names_the_way_out() {
    let (plane, site) = site().await;
    broken_off(&plane, &site, "argocd-manager", "/serviceaccounts");
    plane.put(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/argocd-manager-role",
        "ClusterRole",
        serde_json::json!({}),
    );
    let Ran { code, out, err } = again(&site, "argocd-manager", &[]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(
        err.contains("`sundew remove kube-system/argocd-manager`") && !err.contains("planted already"),
        "{err}"
    );
    let ran = site.run(&["remove", "kube-system/argocd-manager", "--yes", "--kubeconfig", "kubeconfig"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(plane.objects().len(), 1, "theirs is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_all_share_are_only_offered_to_be_overlooked_where_that_helps() {
    let shared = |plane: &Plane, resource: &str| {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        let (role, binding) =
            (format!("{rbac}/clusterroles/some"), format!("{rbac}/clusterrolebindings/some"));
        plane.put(&role, "ClusterRole", serde_json::json!({}));
        let rule = serde_json::json!([{"verbs": ["list"], "apiGroups": [""], "resources": [resource]}]);
        plane.edit(&role, |role| role["rules"] = rule);
        plane.put(&binding, "ClusterRoleBinding", serde_json::json!({}));
        plane.edit(&binding, |binding| {
            let group = "rbac.authorization.k8s.io";
            binding["roleRef"] =
                serde_json::json!({"apiGroup": group, "kind": "ClusterRole", "name": "some"});
            binding["subjects"] =
                serde_json::json!([{"apiGroup": group, "kind": "Group", "name": "system:authenticated"}]);
        });
    };
    let args = ["plant", "--persona", "argocd-manager", "--kubeconfig", "kubeconfig", "--dry-run"];
    let despite = [&args as &[&str], &["--despite-shared-rights"]].concat();

    let (plane, harmless) = site().await;
    shared(&plane, "services");
    let ran = harmless.run(&args);
    assert!(
        ran.code == 2 && ran.err.contains("take it as harmless with --despite-shared-rights"),
        "{}",
        ran.err
    );
    assert_eq!(harmless.run(&despite).code, 0);

    let (plane, risky) = site().await;
    shared(&plane, "secrets");
    let ran = risky.run(&args);
    assert!(ran.code == 2 && !ran.err.contains("--despite-shared-rights"), "{}", ran.err);
    let ran = risky.run(&despite);
    assert!(
        ran.code == 2 && ran.err.contains("does not cover that (list secrets: it is about Secrets)"),
        "{}",
        ran.err
    );
}
