//! The changes that are safe to write down, with the commands that make and undo them.

use sundew_posture::model::{Binding, Namespace, Platform, PodSecurity, Subject};

use super::{Fact, Seen};
use crate::{
    plan::{File, Plan, Step},
    shell::FileNames,
};

/// What `kubeadm join` reads before it has a credential.
pub(super) const CLUSTER_INFO: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

const LABEL: &str = "pod-security.kubernetes.io";
/// Where kubeadm's and most others' static pods are described.
const MANIFEST: &str = "/etc/kubernetes/manifests/kube-apiserver.yaml";
/// A folder that kubeadm's API server sees.
const VISIBLE: &str = "/etc/kubernetes/pki";

/// Lets a namespace enforce a level that what runs there keeps.
pub(super) fn label(namespace: &Namespace, level: PodSecurity) -> Step {
    let name = quoted(&namespace.meta.name);
    let level = level.as_str();
    let enforce = format!("{LABEL}/enforce={level}");
    let labels = &namespace.labels;
    let back =
        [("enforce", &labels.enforce), ("warn", &labels.warn)].map(|(key, now)| restore(key, now.as_deref()));
    Step {
        title: format!("Namespace {name} enforces {level}"),
        because: vec![
            format!(
                "As far as seen, every pod and template in it keeps {level}; the dry run asks the server itself."
            ),
            "Pods that run go on; only new ones that do not keep it are refused.".into(),
        ],
        files: Vec::new(),
        apply: vec![
            format!("kubectl label --dry-run=server --overwrite namespace {name} {enforce}"),
            format!("kubectl label --overwrite namespace {name} {enforce} {LABEL}/warn=restricted"),
        ],
        undo: vec![format!("kubectl label --overwrite namespace {name} {}", back.join(" "))],
    }
}

/// Lets the server warn of pods that need the node, and note them in the audit log.
pub(super) fn warn(namespace: &Namespace) -> Step {
    let name = quoted(&namespace.meta.name);
    let labels = &namespace.labels;
    let back =
        [("audit", &labels.audit), ("warn", &labels.warn)].map(|(key, now)| restore(key, now.as_deref()));
    Step {
        title: format!("Namespace {name} warns of pods beyond baseline"),
        because: vec!["Nothing is refused by it.".into()],
        files: Vec::new(),
        apply: vec![format!(
            "kubectl label --overwrite namespace {name} {LABEL}/warn=baseline {LABEL}/audit=baseline"
        )],
        undo: vec![format!("kubectl label --overwrite namespace {name} {}", back.join(" "))],
    }
}

fn restore(key: &str, now: Option<&str>) -> String {
    match now {
        Some(level) => quoted(&format!("{LABEL}/{key}={level}")),
        None => format!("{LABEL}/{key}-"),
    }
}

/// Takes a subject out of a binding of which the subjects at `left` are left; where it is the last, the binding goes. As
/// it was it is kept beside.
pub(super) fn unbind(binding: &Binding, subject: &Subject, left: &[usize], names: &mut FileNames) -> Step {
    let kind = if binding.cluster { "clusterrolebinding" } else { "rolebinding" };
    let name = quoted(&binding.meta.name);
    let inside =
        if binding.cluster { String::new() } else { format!(" -n {}", quoted(&binding.meta.namespace)) };
    let here = |at: &usize| binding.subjects.get(*at).is_some_and(|of| of == subject);
    let index = left.iter().position(here).unwrap_or_default();
    let of = if binding.cluster { "cluster" } else { &*binding.meta.namespace };
    let file = names.name("before", &format!("{of}-{}", binding.meta.name), ".json");
    let (apply, undo) = if left.len() == 1 {
        (format!("kubectl delete {kind} {name}{inside}"), format!("kubectl create -f {file}"))
    } else {
        // The tests keep from taking out another, where somebody changed the binding meanwhile.
        let mut patch: Vec<serde_json::Value> = [
            ("/roleRef/kind".to_owned(), role_kind(binding)),
            ("/roleRef/name".to_owned(), &*binding.role.name),
            (format!("/subjects/{index}/kind"), subject.kind()),
            (format!("/subjects/{index}/name"), subject.name()),
        ]
        .into_iter()
        .map(|(path, value)| serde_json::json!({"op": "test", "path": path, "value": value}))
        .collect();
        patch.push(serde_json::json!({"op": "remove", "path": format!("/subjects/{index}")}));
        let patch = serde_json::Value::from(patch).to_string();
        (
            format!("kubectl patch {kind} {name}{inside} --type=json -p {}", quoted(&patch)),
            // The list in whole: nothing is there twice, and an emptied one is no obstacle.
            format!("kubectl patch {kind} {name}{inside} --type=merge --patch-file {file}"),
        )
    };
    Step {
        title: format!("{binding} gives nothing to {subject} any more"),
        because: Vec::new(),
        files: vec![File { name: file, text: manifest(binding, left) }],
        apply: vec![apply],
        undo: vec![undo],
    }
}

/// A step that somebody has to decide on: its commands stand there as comments.
pub(super) fn left_to_the_operator(mut step: Step, because: [String; 2]) -> Step {
    step.title = format!("Left to you: {}", step.title);
    step.because = because.into();
    step.because.push(
        "First name whoever needs it in a binding of their own; then take away the `#` before the command. Undoing it puts \
         the list of subjects back as it was when this was written."
            .to_owned(),
    );
    step.apply.iter_mut().for_each(|command| command.insert_str(0, "# "));
    step
}

fn role_kind(binding: &Binding) -> &'static str {
    if binding.role.cluster { "ClusterRole" } else { "Role" }
}

/// The binding with the subjects at `left`. JSON, so that no name needs a look at how YAML would take it.
fn manifest(binding: &Binding, left: &[usize]) -> String {
    let mut metadata = serde_json::json!({"name": &*binding.meta.name});
    if !binding.cluster {
        metadata["namespace"] = (&*binding.meta.namespace).into();
    }
    let subjects = left.iter().filter_map(|at| binding.subjects.get(*at)).map(json);
    let object = serde_json::json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": binding.kind(),
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role_kind(binding),
            "name": &*binding.role.name,
        },
        "subjects": subjects.collect::<Vec<_>>(),
    });
    format!("{object:#}\n")
}

fn json(subject: &Subject) -> serde_json::Value {
    let name = &**subject.name();
    match subject {
        Subject::Account { namespace, .. } => {
            serde_json::json!({"kind": "ServiceAccount", "name": name, "namespace": &**namespace})
        }
        _ => {
            serde_json::json!({"apiGroup": "rbac.authorization.k8s.io", "kind": subject.kind(), "name": name})
        }
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Gives the API server an AuthenticationConfiguration.
pub(super) fn authentication(seen: &Seen<'_>, text: String) -> Option<Step> {
    let file = "authentication.yaml".to_owned();
    // k3s and RKE2 set --anonymous-auth themselves, which excludes the file.
    if matches!(seen.platform(), Some(Platform::K3s | Platform::Rke2)) {
        return None;
    }
    let path = format!("{VISIBLE}/{file}");
    let set = [("authentication-config".to_owned(), path.clone())];
    let (mut apply, undo) = edit("authentication", &set, &["anonymous-auth"]);
    apply.insert(0, format!("sudo install -m 600 {file} {path}"));
    Some(Step {
        title: "Without a credential only the paths of health are answered".into(),
        because: vec![
            "On each control plane node, one after the other: wait until `kubectl get --raw /readyz` says ok.".into(),
            "The kubelet's probes and load balancers ask the paths of health without a credential, and still may.".into(),
            "kubeadm's API server sees /etc/kubernetes/pki; the manifest of another must mount the file.".into(),
        ],
        files: vec![File { name: file, text }],
        apply,
        undo,
    })
}

/// Folder and service of k3s or RKE2.
fn rancher(platform: Platform) -> (&'static str, &'static str) {
    if platform == Platform::K3s { ("/etc/rancher/k3s", "k3s") } else { ("/etc/rancher/rke2", "rke2-server") }
}

/// Commands that set flags in the manifest of a static pod, and take others out of it; and those that undo it.
fn edit(word: &str, set: &[(String, String)], take: &[&str]) -> (Vec<String>, Vec<String>) {
    // Beside the manifest it would be a pod of its own.
    let before = format!("/root/kube-apiserver.before-{word}.yaml");
    let gone = set.iter().map(|(flag, _)| flag.as_str()).chain(take.iter().copied());
    let mut script: Vec<String> = gone.map(|flag| format!(r"-e '/^ *- --{flag}=/d'")).collect();
    for (flag, value) in set {
        script.push(format!(r"-e 's|^\( *\)- kube-apiserver$|&\n\1- --{flag}={value}|'"));
    }
    let apply =
        vec![format!("sudo cp {MANIFEST} {before}"), format!("sudo sed -i {} {MANIFEST}", script.join(" "))];
    (apply, vec![format!("sudo cp {before} {MANIFEST}")])
}

/// Sets flags of the API server that need no look at anything else.
fn flags(seen: &Seen<'_>, facts: &[Fact]) -> Option<Step> {
    let set: Vec<(String, String)> = facts.iter().flat_map(|fact| fact.set.clone()).collect();
    let because = facts.iter().filter(|fact| !fact.set.is_empty());
    let mut because: Vec<String> = because.map(|fact| format!("{}. {}.", fact.title, fact.fix)).collect();
    if set.is_empty() {
        return None;
    }
    let (files, apply, undo) = match seen.platform() {
        Some(of @ (Platform::K3s | Platform::Rke2)) => {
            let (folder, service) = rancher(of);
            let name = "90-kube-apiserver.yaml".to_owned();
            let lines: String = set.iter().map(|(flag, value)| format!("- {flag}={value}\n")).collect();
            let text =
                format!("# A + adds to the list that other files give.\nkube-apiserver-arg+:\n{lines}");
            let apply = vec![
                format!("sudo install -D -m 600 {name} {folder}/config.yaml.d/{name}"),
                format!("sudo systemctl restart {service}"),
            ];
            let undo = vec![
                format!("sudo rm {folder}/config.yaml.d/{name}"),
                format!("sudo systemctl restart {service}"),
            ];
            (vec![File { name, text }], apply, undo)
        }
        Some(Platform::OpenShift | Platform::Eks | Platform::Gke | Platform::Aks) => return None,
        None => {
            let (apply, undo) = edit("flags", &set, &[]);
            (Vec::new(), apply, undo)
        }
    };
    because.insert(
        0,
        "On each control plane node, one after the other: wait until `kubectl get --raw /readyz` says ok."
            .into(),
    );
    Some(Step { title: "Flags of the API server".into(), because, files, apply, undo })
}

pub(super) fn plan(seen: &Seen<'_>, facts: &[Fact]) -> Plan {
    // What refuses nothing that runs first; what restarts the API server last.
    let of = |wanted: &'static str| {
        facts.iter().filter(move |fact| fact.id == wanted).flat_map(|fact| fact.steps.clone())
    };
    let order = [
        "pod-security-needed",
        "pod-security-open",
        "rights-of-anybody",
        "rights-of-the-known",
        "rights-of-accounts",
    ];
    let mut steps: Vec<Step> = order.into_iter().flat_map(of).collect();
    let restarts: Vec<Step> = flags(seen, facts).into_iter().chain(of("anonymous-requests")).collect();
    let mut notes = Vec::new();
    if !restarts.is_empty() {
        notes.push(
            "`kubeadm upgrade` writes the API server's manifest anew: put the same flags into \
             apiServer.extraArgs of ConfigMap kube-system/kubeadm-config."
                .into(),
        );
    }
    steps.extend(restarts);
    let by_hand = facts
        .iter()
        .filter(|fact| fact.state.severity().is_some() && fact.steps.is_empty() && fact.set.is_empty());
    notes.extend(by_hand.map(|fact| format!("Left to you: {}. {}.", fact.title, fact.fix)));
    let unseen = facts.iter().filter(|fact| fact.state == super::State::Unknown);
    notes.extend(unseen.map(|fact| format!("Not seen: {}.", fact.title)));
    Plan { title: "Settings of the cluster".into(), steps, notes }
}
