//! The changes that are written down: their order, and that their commands do what they say.

use std::{fs, process::Command};

use jiff::Timestamp;
use sundew_harden::{
    Plan,
    settings::{apiserver, look, plan},
};
use sundew_posture::{Settings, scan};

use super::{KUBEADM, cluster, seen};

fn planned(text: &str) -> Plan {
    let cluster = cluster(text);
    let report = scan(&cluster, &Settings::new(Timestamp::UNIX_EPOCH));
    let seen = seen(&cluster, &report);
    plan(&seen, &look(&seen))
}

#[test]
fn what_refuses_nothing_comes_first_and_what_restarts_the_server_last() {
    let plan = planned(KUBEADM);
    let titles: Vec<&str> = plan.steps.iter().map(|step| step.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "Namespace logs warns of pods beyond baseline",
            "Namespace shop enforces baseline",
            "Left to you: ClusterRoleBinding dashboard-viewer gives nothing to Group system:unauthenticated any more",
            "Left to you: RoleBinding shop/secret-reader gives nothing to Group system:serviceaccounts any more",
            "Flags of the API server",
            "Without a credential only the paths of health are answered",
        ]
    );
    for step in &plan.steps {
        assert!(!step.apply.is_empty() && !step.undo.is_empty() && !step.because.is_empty(), "{step:?}");
    }
    assert!(plan.notes.iter().any(|note| note.starts_with("Left to you: No audit log is written")));
    assert!(plan.notes.iter().any(|note| note.contains("kubeadm-config")));
}

#[test]
fn a_label_that_was_there_is_put_back() {
    let plan = planned(KUBEADM);
    assert_eq!(
        plan.steps[0].undo,
        [
            "kubectl label --overwrite namespace logs pod-security.kubernetes.io/audit- pod-security.kubernetes.io/warn=baseline"
        ]
    );
}

#[test]
fn a_binding_is_kept_as_it_was() {
    let plan = planned(KUBEADM);
    let step = &plan.steps[2];
    assert_eq!(step.undo, ["kubectl create -f before/cluster-dashboard-viewer.json"]);
    let kept: serde_json::Value = serde_json::from_str(&step.files[0].text).unwrap();
    assert_eq!(kept["roleRef"]["name"], "dashboard-viewer");
    assert_eq!(kept["subjects"][0]["name"], "system:unauthenticated");
}

#[test]
fn several_subjects_of_one_binding_are_taken_out_one_after_the_other() {
    let all = "
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: all}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secret-reader}
  subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: system:authenticated}
  - {apiGroup: rbac.authorization.k8s.io, kind: Group, name: system:unauthenticated}
";
    let plan = planned(&format!("{KUBEADM}{}", all.trim_start_matches('\n')));
    let of: Vec<_> =
        plan.steps.iter().filter(|step| step.title.contains("ClusterRoleBinding all ")).collect();
    assert_eq!(of.len(), 2);
    assert!(of[0].apply[0].contains(r#""path":"/subjects/1""#), "strangers first: {:?}", of[0].apply);
    assert_eq!(of[1].apply, ["# kubectl delete clusterrolebinding all"]);
    let kept = |step: usize| -> serde_json::Value { serde_json::from_str(&of[step].files[0].text).unwrap() };
    assert_eq!(kept(1)["subjects"].as_array().unwrap().len(), 1, "the other is put back by its own step");
    assert_eq!(kept(0)["subjects"].as_array().unwrap().len(), 2, "as it was before the first");
    assert_ne!(of[0].files[0].name, of[1].files[0].name);
    let undo =
        format!("kubectl patch clusterrolebinding all --type=merge --patch-file {}", of[0].files[0].name);
    assert_eq!(of[0].undo, [undo], "the list in whole: it may be empty, and nothing is added twice");
    for tested in ["/roleRef/kind", "/roleRef/name", "/subjects/1/kind", "/subjects/1/name"] {
        let test = format!(r#"{{"op":"test","path":"{tested}""#);
        assert!(of[0].apply[0].contains(&test), "{tested}: {:?}", of[0].apply);
    }
}

#[test]
fn names_cannot_leave_the_command_that_they_stand_in() {
    let text = KUBEADM
        .replace("name: shop}", "name: \"shop; reboot\"}")
        .replace("name: dashboard-viewer}", "name: \"a'b $(reboot)\"}");
    let plan = planned(&text);
    let commands: Vec<&String> =
        plan.steps.iter().flat_map(|step| step.apply.iter().chain(&step.undo)).collect();
    assert!(commands.iter().any(|command| command.contains("namespace 'shop; reboot' ")), "{commands:?}");
    assert!(
        commands.iter().any(|command| command.ends_with(r"clusterrolebinding 'a'\''b $(reboot)'")),
        "{commands:?}"
    );
    assert!(plan.steps.iter().flat_map(|step| &step.files).all(|file| !file.name.contains(['$', '\'', ' '])));
}

#[test]
fn the_manifest_is_edited_by_the_commands_and_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let manifest = "apiVersion: v1
kind: Pod
metadata:
  labels:
    component: kube-apiserver
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-apiserver
    - --authorization-mode=Node,RBAC
    - --profiling=true
    - --anonymous-auth=true
    image: registry.k8s.io/kube-apiserver:v1.36.2
    name: kube-apiserver
";
    fs::write(path("manifest"), manifest).unwrap();
    let plan = planned(KUBEADM);
    let run = |commands: &[String]| {
        for command in commands {
            let here = command
                .replace("sudo ", "")
                .replace("/etc/kubernetes/manifests/kube-apiserver.yaml", &path("manifest"))
                .replace("/root/", &path("before-"));
            if here.starts_with("install") || here.starts_with("rm") {
                continue;
            }
            assert!(Command::new("sh").args(["-c", &here]).status().unwrap().success(), "{here}");
        }
    };
    let steps = &plan.steps[4..6];
    steps.iter().for_each(|step| run(&step.apply));
    let edited = fs::read_to_string(path("manifest")).unwrap();
    assert!(edited.contains("\n    - --profiling=false\n") && !edited.contains("profiling=true"), "{edited}");
    assert!(
        edited.contains("\n    - --authentication-config=/etc/kubernetes/pki/authentication.yaml\n"),
        "{edited}"
    );
    assert!(!edited.contains("anonymous-auth"), "{edited}");
    let read = apiserver("m", &edited).unwrap();
    assert_eq!(read.servers.len(), 1, "it is still a manifest");
    steps.iter().rev().for_each(|step| run(&step.undo));
    assert_eq!(fs::read_to_string(path("manifest")).unwrap(), manifest);
}

#[test]
fn the_configuration_of_the_plan_is_one_that_lets_kubeadm_s_nodes_join() {
    let plan = planned(KUBEADM);
    let file = &plan.steps[5].files[0];
    let read = apiserver("a", &file.text).unwrap().authentication.unwrap();
    let (enabled, paths) = read.anonymous.unwrap();
    assert!(enabled);
    assert_eq!(
        paths,
        ["/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info"]
    );
    assert!(file.text.contains("apiserver.config.k8s.io/v1\n"), "1.36");
    let older = planned(&KUBEADM.replace("v1.36.2", "v1.33.0"));
    assert!(older.steps[5].files[0].text.contains("apiserver.config.k8s.io/v1beta1\n"));
    let oldest = planned(&KUBEADM.replace("v1.36.2", "v1.31.0"));
    assert!(oldest.steps.iter().all(|step| step.files.iter().all(|file| file.name != "authentication.yaml")));
}

#[test]
fn rke2_gets_its_flags_in_a_file_of_its_own() {
    let plan = planned(&KUBEADM.replace("v1.36.2", "v1.36.2+rke2r1"));
    let step = plan.steps.iter().find(|step| step.title == "Flags of the API server").unwrap();
    assert_eq!(step.files[0].name, "90-kube-apiserver.yaml");
    assert!(
        step.files[0].text.contains("kube-apiserver-arg+:\n- profiling=false\n"),
        "{}",
        step.files[0].text
    );
    assert!(step.apply[1].ends_with("restart rke2-server"));
}
