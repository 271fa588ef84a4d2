//! What somebody meant who named a field that audit events do not have.

use crate::field::{EXTENSIONS, FIELDS, Field};

/// Names that are not just misspelt, with what the fact is called here.
const MEANT: &[(&str, &str)] = &[
    ("hostPath", "sundew.pod.volumes.hostPath.path"),
    ("capabilities", "sundew.pod.containers.securityContext.capabilities.add"),
    ("privileged", "sundew.pod.containers.securityContext.privileged"),
    ("allowPrivilegeEscalation", "sundew.pod.containers.securityContext.allowPrivilegeEscalation"),
    ("runAsUser", "sundew.pod.containers.securityContext.runAsUser"),
    ("securityContext", "sundew.pod.containers.securityContext"),
    ("hostNetwork", "sundew.pod.hostNetwork"),
    ("hostPID", "sundew.pod.hostPID"),
    ("hostIPC", "sundew.pod.hostIPC"),
    ("volumes", "sundew.pod.volumes"),
    ("containers", "sundew.pod.containers"),
    ("image", "sundew.pod.containers.image"),
    ("serviceAccountName", "sundew.pod.serviceAccountName"),
    ("nodeName", "sundew.pod.nodeName"),
    ("command", "sundew.exec.command"),
    ("roleRef", "sundew.body.roleRef.name"),
    ("subjects", "sundew.body.subjects"),
    ("rules", "sundew.body.rules"),
    ("spec", "sundew.body.spec"),
    ("metadata", "sundew.body.metadata"),
    ("decision", "annotations.authorization.k8s.io/decision"),
    ("allowed", "sundew.allowed"),
    ("sourceIP", "sundew.peer"),
    ("src_ip", "sundew.peer"),
    ("clientIP", "sundew.peer"),
    ("user.name", "user.username"),
    ("userName", "user.username"),
    ("uri", "requestURI"),
    ("path", "sundew.path"),
    ("timestamp", "requestReceivedTimestamp"),
    ("response.code", "responseStatus.code"),
    ("responseCode", "responseStatus.code"),
    ("statusCode", "responseStatus.code"),
    ("objectRef.kind", "objectRef.resource"),
    ("resourceName", "objectRef.name"),
];

/// The field that is meant by `name`, as far as it can be told.
pub(super) fn meant(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let said = |part: &str| MEANT.iter().find(|(no, _)| no.to_lowercase() == part).map(|(_, meant)| *meant);
    if let Some(meant) = said(&lower) {
        return Some(meant.to_owned());
    }
    // `spec.containers.image` and the like: the first part is known, the rest stays.
    if let Some((first, rest)) = name.split_once('.')
        && ["spec", "metadata", "roleRef", "subjects", "rules"]
            .iter()
            .any(|part| part.eq_ignore_ascii_case(first))
    {
        return Some(format!("sundew.body.{first}.{rest}"));
    }
    let last = lower.rsplit('.').next().unwrap_or_default();
    let spelt = FIELDS.iter().map(|(field, _)| *field).find(|field| field.to_lowercase() == lower);
    let below = || FIELDS.iter().map(|(field, _)| *field).find(|field| last_part(field) == last);
    spelt
        .or_else(below)
        .or_else(|| said(last))
        .or_else(|| alike(&lower, last))
        .or_else(|| Field::nearest(name))
        .map(str::to_owned)
}

/// The field that looks most like the name as a whole, or whose last part looks most like the name's.
fn alike(name: &str, last: &str) -> Option<&'static str> {
    let known = || FIELDS.iter().map(|(field, _)| *field).chain(EXTENSIONS.iter().map(|(field, _)| *field));
    // What has fields of its own is hardly ever asked for itself.
    let is_whole = |field: &str| {
        known().any(|other| other.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')))
    };
    let alike = |field: &str| {
        let whole = strsim::jaro_winkler(&field.to_lowercase(), name);
        whole.max(strsim::jaro_winkler(&last_part(field), last))
    };
    let fields = known().filter(|field| !is_whole(field)).map(|field| (alike(field), field));
    // Of two that are equally like it the first, which is the user's own.
    fields.filter(|(alike, _)| *alike > 0.85).min_by(|a, b| b.0.total_cmp(&a.0)).map(|(_, field)| field)
}

fn last_part(field: &str) -> String {
    field.rsplit('.').next().unwrap_or_default().to_lowercase()
}
