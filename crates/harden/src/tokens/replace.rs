//! What takes a long-lived token's place: a projected volume in pods, short tokens that are renewed elsewhere.

use super::{LongLived, Reader, is_name, policies::Rules};
use crate::plan::File;

/// How long a projected token is good, in seconds: the kubelet renews it when four fifths are over.
const PROJECTED_SECONDS: i64 = 3600;
/// How long a token is that a person's kubeconfig asks for, in seconds.
const PLUGIN_SECONDS: i64 = 3600;
/// How long a token is that a job renews, in seconds: twice as long as between two runs.
const JOB_SECONDS: i64 = 43_200;

/// How a reader of a Secret gets a token that expires.
pub(super) enum Swap {
    /// A patch puts a projected volume in the place of the Secret, and another the Secret back.
    Patch { file: File, back: File, apply: String, undo: String },
    /// A person has to edit something: what, in words.
    ByHand(String),
}

/// Kinds whose pods come from a template that can be changed, with the path to the pod in it.
fn template(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" => {
            Some(&["spec", "template"])
        }
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// What to do with one reader of a token's Secret.
pub(super) fn swap(token: &LongLived, reader: &Reader, folder: &str) -> Swap {
    let (namespace, object) = (&token.namespace, reader.object());
    let Some(volume) = &reader.volume else {
        return Swap::ByHand(format!(
            "{object} reads the Secret into its environment, where nothing can be renewed: mount the volume below, let \
             the program read its file `token` again and again, and take the variable away."
        ));
    };
    if reader.account != token.account {
        return Swap::ByHand(format!(
            "{object} runs as ServiceAccount {} and holds a token of {}: a pod can mount short tokens only of the account \
             that it runs as. Let it run as {} (`serviceAccountName`), or give {} the rights that it uses; then mount the \
             volume below.",
            reader.account, token.account, token.account, reader.account
        ));
    }
    if reader.projected {
        return Swap::ByHand(format!(
            "{object} has the Secret as one source of its projected volume `{volume}`: put the source \
             `serviceAccountToken` below in its place."
        ));
    }
    let path = template(&reader.kind).filter(|_| is_name(&reader.name) && is_name(volume));
    let Some(path) = path else {
        return Swap::ByHand(format!(
            "{object} cannot be patched: change its volume `{volume}` where it is written, as below, and make it anew."
        ));
    };
    let kind = reader.kind.to_lowercase();
    let name = format!("{folder}/{namespace}.{kind}.{}.{volume}.yaml", reader.name);
    let patch = |file: &str| {
        format!("kubectl patch {kind} {} -n {namespace} --type=strategic --patch-file {file}", reader.name)
    };
    let apply = patch(&name);
    // `kubectl rollout undo` would take back whatever was rolled out last, and of two patches one alone.
    let back = format!("{folder}/back/{namespace}.{kind}.{}.{volume}.yaml", reader.name);
    let undo = patch(&back);
    let back = File { name: back, text: as_it_was(path, volume, &token.secret) };
    Swap::Patch { file: File { name, text: projected(path, volume) }, back, apply, undo }
}

/// The patch that puts the Secret back.
fn as_it_was(path: &[&str], volume: &str, secret: &str) -> String {
    let mut text = String::from(
        "# If the Secret was mounted with `items`, `defaultMode` or `optional`, write them here before you change anything.\n",
    );
    let indent = volumes(&mut text, path, volume, "secret");
    text.push_str(&format!("{indent}  secret:\n{indent}    secretName: \"{secret}\"\n"));
    text
}

/// What leads to a volume in a template, of which `kind` is to be kept alone; how far its fields are indented, less two.
fn volumes(text: &mut String, path: &[&str], volume: &str, kind: &str) -> String {
    let mut indent = String::new();
    for part in path.iter().chain(&["spec"]) {
        text.push_str(&format!("{indent}{part}:\n"));
        indent.push_str("  ");
    }
    // A name may look like a number.
    text.push_str(&format!(
        "{indent}volumes:\n{indent}- name: \"{volume}\"\n{indent}  $retainKeys: [name, {kind}]\n"
    ));
    indent
}

/// The patch that puts a projected volume in the place of one that mounts a Secret, under the same name: what reads the
/// files `token`, `ca.crt` and `namespace` finds them where they were.
fn projected(path: &[&str], volume: &str) -> String {
    let mut text = String::from(
        "# The token's file is renewed by the kubelet: the program has to read it again, as client libraries do. If the\n\
         # Secret was mounted with `items`, write their paths here.\n",
    );
    let indent = volumes(&mut text, path, volume, "projected");
    for line in volume_lines() {
        text.push_str(&format!("{indent}  {line}\n"));
    }
    text
}

/// The volume with everything that such a Secret holds.
pub(super) fn volume_lines() -> Vec<String> {
    format!(
        "projected:\n  sources:\n  - serviceAccountToken:\n      path: token\n      expirationSeconds: {PROJECTED_SECONDS}\n  \
         - configMap:\n      name: kube-root-ca.crt\n      items:\n      - key: ca.crt\n        path: ca.crt\n  \
         - downwardAPI:\n      items:\n      - path: namespace\n        fieldRef:\n          fieldPath: metadata.namespace"
    )
    .lines()
    .map(str::to_owned)
    .collect()
}

/// What those outside get in a token's place.
pub(super) struct Elsewhere {
    pub(super) files: Vec<File>,
    /// What may be given to the job, and its undoing.
    pub(super) role: String,
    pub(super) kubeconfig: String,
    pub(super) seconds: i64,
}

/// The role of whoever renews the token, and the user of a kubeconfig that asks for one by itself.
pub(super) fn elsewhere(token: &LongLived, rules: &Rules, folder: &str) -> Elsewhere {
    let LongLived { namespace, account, .. } = token;
    let capped = |seconds: i64| rules.longest.map_or(seconds, |longest| seconds.min(longest));
    let (plugin, job) = (capped(PLUGIN_SECONDS), capped(JOB_SECONDS));
    let role = format!("{folder}/{namespace}.{account}.role.yaml");
    let kubeconfig = format!("{folder}/{namespace}.{account}.kubeconfig-user.yaml");
    let role_text = format!(
        "# Lets its subject ask for short tokens of this one account, and for nothing else. Put in whoever renews it: a\n\
         # user of your identity provider, or the account of a CronJob.\n\
         apiVersion: rbac.authorization.k8s.io/v1\n\
         kind: Role\n\
         metadata:\n  name: {account}-tokens\n  namespace: {namespace}\n\
         rules:\n\
         - apiGroups: ['']\n  resources: [serviceaccounts/token]\n  resourceNames: [{account}]\n  verbs: [create]\n\
         ---\n\
         apiVersion: rbac.authorization.k8s.io/v1\n\
         kind: RoleBinding\n\
         metadata:\n  name: {account}-tokens\n  namespace: {namespace}\n\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {account}-tokens\n\
         subjects:\n\
         - apiGroup: rbac.authorization.k8s.io\n  kind: User\n  name: WHO-RENEWS-IT\n"
    );
    // `kubectl create token` prints a TokenRequest; client-go's plugins say an ExecCredential.
    let kubeconfig_text = format!(
        "# A user for a kubeconfig: kubectl and client libraries ask for a new token when the old one ends. The context `mine`\n\
         # is the one that you log in to the cluster with.\n\
         users:\n\
         - name: {account}\n\
         \x20 user:\n\
         \x20   exec:\n\
         \x20     apiVersion: client.authentication.k8s.io/v1\n\
         \x20     interactiveMode: IfAvailable\n\
         \x20     command: kubectl\n\
         \x20     args:\n\
         \x20     - --context=mine\n\
         \x20     - create\n\
         \x20     - token\n\
         \x20     - {account}\n\
         \x20     - --namespace={namespace}\n\
         \x20     - --duration={plugin}s\n\
         \x20     - >-\n\
         \x20       --output=go-template={{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{{{{.status.token}}}}\",\"expirationTimestamp\":\"{{{{.status.expirationTimestamp}}}}\"}}}}\n"
    );
    Elsewhere {
        files: vec![
            File { name: role.clone(), text: role_text },
            File { name: kubeconfig.clone(), text: kubeconfig_text },
        ],
        role,
        kubeconfig,
        seconds: job,
    }
}
