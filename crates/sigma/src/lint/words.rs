//! The values that a field of an audit event can have, and what somebody meant who wrote another.
//!
//! Verbs: `k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`; for paths that are no resources the HTTP method in
//! lower case. Stages and levels: `audit.k8s.io/v1 types.go`.

use crate::field::KINDS;

const VERBS: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "proxy",
    "post",
    "put",
    "head",
    "options",
    "connect",
    "trace",
];

/// What stands where somebody writes one of these as a verb.
const NO_VERBS: &[(&[&str], &str)] = &[
    (&["replace", "put"], "a PUT of an object is `update`"),
    (&["apply", "edit"], "kubectl apply and edit are `patch`, or `create` where the object is new"),
    (
        &["exec", "attach", "portforward", "port-forward", "connect"],
        "these are `create` or `get` of a subresource",
    ),
    (&["impersonate"], "who acts as somebody else shows in `impersonatedUser.username`"),
    (
        &["bind", "escalate", "use", "approve", "sign", "attest"],
        "this is a word of RBAC, which no request has: look for the `create`, `update` or `patch` that needs it",
    ),
    (&["read", "view", "describe"], "reading is `get`, `list` or `watch`"),
    (&["write", "modify", "modified", "edit"], "changes are `create`, `update` or `patch`"),
    (&["remove", "destroy"], "it is `delete` or `deletecollection`"),
    (&["insert", "add"], "it is `create`"),
];

/// Resources that are often called by the name of their kind, with what they are called.
const KIND_NAMES: &[(&str, &str)] = &[
    ("pod", "pods"),
    ("secret", "secrets"),
    ("configmap", "configmaps"),
    ("node", "nodes"),
    ("namespace", "namespaces"),
    ("event", "events"),
    ("service", "services"),
    ("serviceaccount", "serviceaccounts"),
    ("deployment", "deployments"),
    ("daemonset", "daemonsets"),
    ("statefulset", "statefulsets"),
    ("replicaset", "replicasets"),
    ("job", "jobs"),
    ("cronjob", "cronjobs"),
    ("ingress", "ingresses"),
    ("networkpolicy", "networkpolicies"),
    ("role", "roles"),
    ("rolebinding", "rolebindings"),
    ("clusterrole", "clusterroles"),
    ("clusterrolebinding", "clusterrolebindings"),
    ("certificatesigningrequest", "certificatesigningrequests"),
    ("persistentvolume", "persistentvolumes"),
    ("persistentvolumeclaim", "persistentvolumeclaims"),
    ("mutatingwebhookconfiguration", "mutatingwebhookconfigurations"),
    ("validatingwebhookconfiguration", "validatingwebhookconfigurations"),
    ("selfsubjectaccessreview", "selfsubjectaccessreviews"),
    ("selfsubjectrulesreview", "selfsubjectrulesreviews"),
    ("tokenreview", "tokenreviews"),
    ("customresourcedefinition", "customresourcedefinitions"),
];

/// All values that `field` can have; none where they cannot be listed.
pub(super) fn of(field: &str) -> Option<Vec<String>> {
    let words: &[&str] = match field {
        "verb" => VERBS,
        "stage" => &["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"],
        "level" => &["Metadata", "Request", "RequestResponse"],
        "kind" => &["Event"],
        "responseStatus.status" => &["Success", "Failure"],
        "annotations.authorization.k8s.io/decision" => &["allow", "forbid"],
        "sundew.allowed" | "sundew.peer.private" | "sundew.exec.stdin" | "sundew.exec.tty" => {
            &["true", "false"]
        }
        "sundew.actor.kind" => return Some(KINDS.iter().map(|kind| kind.as_str().to_owned()).collect()),
        // What a server may answer: RFC 9110 §15.
        "responseStatus.code" => return Some((100..600).map(|code: u16| code.to_string()).collect()),
        _ => return None,
    };
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// Why `field` can never hold the text `value`, though its values cannot be listed; none where it can.
pub(super) fn impossible(field: &str, value: &str) -> Option<String> {
    let lower = value.to_lowercase();
    match field {
        "objectRef.resource" => {
            if let Some((resource, sub)) = lower.split_once('/') {
                return Some(format!(
                    "write `objectRef.resource: {resource}` and `objectRef.subresource: {sub}`"
                ));
            }
            let (_, plural) = KIND_NAMES.iter().find(|(kind, _)| *kind == lower)?;
            Some(format!("resources are named in the plural: `{plural}`"))
        }
        "objectRef.subresource" => {
            let (_, sub) = lower.split_once('/')?;
            Some(format!("write `{sub}` alone, and the resource as `objectRef.resource`"))
        }
        "objectRef.apiGroup" => match lower.as_str() {
            "core" | "v1" | "/v1" => {
                Some("the core group is empty: write `objectRef.apiGroup: null`".to_owned())
            }
            _ => {
                let (group, version) = lower.split_once('/')?;
                Some(format!("write `{group}` alone, and `{version}` as `objectRef.apiVersion`"))
            }
        },
        "objectRef.apiVersion" => {
            let (group, version) = lower.split_once('/')?;
            Some(format!("write `{version}` alone, and `{group}` as `objectRef.apiGroup`"))
        }
        "sourceIPs" | "sundew.peer" => {
            lower.contains('/').then(|| format!("a network is matched with `{field}|cidr`"))
        }
        _ => None,
    }
}

/// Why no value of `field` begins with `start`; none where one can.
pub(super) fn impossible_start(field: &str, start: &str) -> Option<String> {
    let path = matches!(field, "requestURI" | "sundew.path") && !start.is_empty() && !start.starts_with('/');
    path.then(|| "it begins with `/`".to_owned())
}

/// What somebody meant who wrote `value`, which `field` never has.
pub(super) fn meant(field: &str, value: &str) -> String {
    let lower = value.to_lowercase();
    match field {
        "verb" => {
            if let Some((_, advice)) = NO_VERBS.iter().find(|(words, _)| words.contains(&lower.as_str())) {
                return (*advice).to_owned();
            }
        }
        "responseStatus.code" => {
            let advice =
                "it is the HTTP status, a number; whether the request was allowed is `sundew.allowed: true`";
            return advice.to_owned();
        }
        _ => {}
    }
    let words = of(field).unwrap_or_default();
    let near = words
        .iter()
        .map(|word| (strsim::jaro_winkler(&word.to_lowercase(), &lower), word))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(alike, _)| *alike > 0.8);
    match near {
        Some((_, near)) if near.to_lowercase() == lower => format!("it is written `{near}`"),
        Some((_, near)) => format!("did you mean `{near}`?"),
        None if words.len() > 20 => String::new(),
        None => format!("it is one of {}", words.join(", ")),
    }
}
