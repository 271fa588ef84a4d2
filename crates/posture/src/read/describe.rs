//! From an object as it stands in the text to the object of the model.

use jiff::Timestamp;

use super::{
    Assume, Described, Thing,
    convert::{self, Names},
    defaults::is_default,
    object::{Class, Parsed},
    standards, wire,
};
use crate::model::{
    Account, Admission, Binding, Control, Meta, Namespace, Node, Place, Platform, PodSecurity,
    PodSecurityLabels, Role, RoleRef, Secret, Subject, Workload, WorkloadKind,
};

/// Labels that say that the control plane runs on a node; the second is the older one.
const CONTROL_PLANE_LABELS: [&str; 2] =
    ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Annotations of accounts by which clouds give them an identity: EKS, GKE, AKS.
const CLOUD_ANNOTATIONS: [&str; 3] =
    ["eks.amazonaws.com/role-arn", "iam.gke.io/gcp-service-account", "azure.workload.identity/client-id"];

/// Labels and annotations by which tools know what they keep, with what is said before their value.
const KEEPERS: [(&str, &str); 9] = [
    ("argocd.argoproj.io/tracking-id", "Argo CD application"),
    ("argocd.argoproj.io/instance", "Argo CD application"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux Kustomization"),
    ("helm.toolkit.fluxcd.io/name", "Flux HelmRelease"),
    ("olm.owner", "the operator"),
    ("meta.helm.sh/release-name", "Helm release"),
    ("addonmanager.kubernetes.io/mode", "the addon manager, mode"),
    ("app.kubernetes.io/managed-by", "what calls itself"),
    ("heritage", "what calls itself"),
];

/// Who keeps an object as it is.
fn keeper(wire: &wire::Meta<'_>, class: Class) -> Option<String> {
    let marked = KEEPERS.into_iter().find_map(|(key, who)| {
        let value = wire.labels.get(key).or_else(|| wire.annotations.get(key))?;
        // A tracking id is APPLICATION:GROUP/KIND:NAMESPACE/NAME.
        let value = value.split(':').next().unwrap_or_default();
        (!value.is_empty()).then(|| format!("{who} {value}"))
    });
    // Pods and what makes them have owners of their own in the model.
    let owner = || wire.owner_references.first().filter(|_| !matches!(class, Class::Workload(_)));
    marked.or_else(|| owner().map(|owner| format!("{} {}", owner.kind.0, owner.name.0)))
}

pub(super) fn describe(
    names: &Names,
    assume: &Assume,
    line: u32,
    parsed: Parsed<'_>,
    notices: &mut Vec<(u32, String)>,
) -> Described {
    let Parsed { api_version, kind, meta: wire, body, .. } = parsed;
    let class = Class::of(&kind);
    // A Namespace or a ClusterRole with a namespace written in is still the cluster's.
    let wide = matches!(class, Class::Node | Class::Namespace | Class::Webhooks | Class::Policy)
        || kind.starts_with("ClusterRole");
    let namespace = match &*wire.namespace.0 {
        _ if wide => "",
        // What kubectl would do with a manifest that names none.
        "" if !matches!(class, Class::Other) => "default",
        namespace => namespace,
    };
    let namespace = names.get(namespace);
    let name = names.get(&wire.name.0);
    let created: Option<Timestamp> = wire.creation_timestamp.0.parse().ok();
    let keeper = keeper(&wire, class).map(|keeper| names.get(&keeper));
    let place = Place { file: 0, line };
    let meta = Meta { name: name.clone(), namespace: namespace.clone(), created, keeper, place };
    let label = |key: &str| wire.labels.get(key).map(|value| names.get(value));
    let note = |key: &str| wire.annotations.get(key).map(|value| names.get(value));
    let built_in = is_default(&wire.name.0, wire.labels.get("kubernetes.io/bootstrapping"));
    if body.odd_subjects > 0 {
        notices.push((
            line,
            format!("{kind} {meta} has {} subjects of a kind that RBAC does not know", body.odd_subjects),
        ));
    }
    let thing = match class {
        Class::Role => Thing::Role(Role {
            meta,
            cluster: &*kind == "ClusterRole",
            rules: body.rules.into(),
            aggregates: body.aggregates,
            labels: if &*kind == "ClusterRole" { convert::labels(names, &wire.labels) } else { Vec::new() },
            built_in,
        }),
        Class::Binding => {
            let (of, mut role) = body.role_ref.unwrap_or_else(|| (names.get(""), names.get("")));
            if !matches!(&*of, "Role" | "ClusterRole") {
                // The API server would find no role by it, even where there is one of the name.
                role = names.get("");
                notices.push((
                    line,
                    format!("{kind} {meta} names no Role and no ClusterRole but a `{of}`; it grants nothing"),
                ));
            }
            let role = RoleRef { cluster: &*of == "ClusterRole", name: role };
            let cluster = &*kind == "ClusterRoleBinding";
            let mut subjects = body.subjects;
            for subject in &mut subjects {
                // RBAC takes an account without a namespace from the RoleBinding's own (rbac.go, `appliesToUser`).
                if let (Subject::Account { namespace, .. }, false) = (subject, cluster)
                    && namespace.is_empty()
                {
                    namespace.clone_from(&meta.namespace);
                }
            }
            Thing::Binding(Binding { meta, cluster, role, subjects, built_in })
        }
        Class::Account => Thing::Account(Account {
            meta,
            automount: body.automount,
            secrets: body.secrets,
            cloud: CLOUD_ANNOTATIONS.iter().find_map(|key| note(key)),
        }),
        Class::Workload(kind) => {
            let Some(mut spec) = body.pod else {
                notices.push((line, format!("{} {meta} describes no pod", kind.as_str())));
                return Described {
                    line,
                    api_version,
                    kind: names.get(kind.as_str()),
                    name,
                    namespace,
                    thing: Thing::Other,
                };
            };
            spec.containers.shrink_to_fit();
            let unconfined = wire.annotations.0.iter().any(|(key, value)| standards::unconfines(key, value));
            spec.refused.note(Control::AppArmor, unconfined);
            if !(kind == WorkloadKind::Pod && is_server(&wire)) {
                spec.server = None;
            }
            let owner = convert::owner(names, &wire.owner_references);
            Thing::Workload(Box::new(Workload { meta, kind, owner, spec, ended: body.ended }))
        }
        Class::Node => Thing::Node(Node {
            meta,
            control_plane: CONTROL_PLANE_LABELS.iter().any(|label| wire.labels.get(label).is_some()),
            platform: Platform::of_label(|label| wire.labels.get(label).is_some())
                .or_else(|| body.version.as_deref().and_then(Platform::of_version)),
            version: body.version.and_then(|version| version.parse().ok()),
        }),
        Class::Namespace => {
            let labels = PodSecurityLabels {
                enforce: label("pod-security.kubernetes.io/enforce"),
                enforce_version: label("pod-security.kubernetes.io/enforce-version"),
                audit: label("pod-security.kubernetes.io/audit"),
                warn: label("pod-security.kubernetes.io/warn"),
            };
            let enforces = match labels.enforce.as_deref() {
                Some("restricted") => PodSecurity::Restricted,
                Some("baseline") => PodSecurity::Baseline,
                _ => PodSecurity::Privileged,
            };
            Thing::Namespace(Namespace { meta, enforces, labels })
        }
        Class::Secret => Thing::Secret(Secret {
            meta,
            kind: body.secret_type.or_else(|| assume.secret_type.clone()).unwrap_or_else(|| names.get("")),
            account: note("kubernetes.io/service-account.name"),
            last_used: label("kubernetes.io/legacy-token-last-used"),
            invalid_since: label("kubernetes.io/legacy-token-invalid-since"),
        }),
        Class::Webhooks | Class::Policy => {
            Thing::Admission(Admission { meta, kind: kind.clone(), sees_pods: body.sees_pods })
        }
        Class::Other => body.version.map_or(Thing::Other, Thing::Version),
    };
    Described { line, api_version, kind, name, namespace, thing }
}

/// Whether a pod is where the API server's are, and named or labelled as they are: kubeadm's and RKE2's, or Talos'.
fn is_server(meta: &wire::Meta<'_>) -> bool {
    let labelled = ["component", "k8s-app"].iter().any(|key| meta.labels.get(key) == Some("kube-apiserver"));
    let name = &meta.name.0;
    meta.namespace.0 == "kube-system" && (labelled || name.starts_with("kube-apiserver"))
}
