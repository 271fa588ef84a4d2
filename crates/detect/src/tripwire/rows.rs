//! The rows of the tripwire's table, most certain first: the first that holds is the event's finding.

use sundew_audit::{Event, ObjectRef, Text, event::keys};

use super::{
    Touch, body, entry,
    index::{Index, Place},
    refusal, rules,
};
use crate::{finding::DecoyRef, rule::Rule};

/// The row that `event` meets.
pub(super) fn touch(index: &Index, event: &Event<'_>) -> Option<Touch> {
    let said = |rule: Rule, place: Place| Touch { rule, decoy: index.name(place) };
    if let Some(place) = credential_used(index, event) {
        return Some(said(rules::TOKEN_USED, place));
    }
    if let Some(decoy) = event.impersonated_user.as_ref().and_then(|u| index.user(u.username)) {
        return Some(said(rules::IMPERSONATED, Place::whole(decoy)));
    }
    if let Some(decoy) = impersonation_refused(index, event) {
        return Some(said(rules::IMPERSONATION_REFUSED, Place::whole(decoy)));
    }
    let object = event.object_ref?;
    if let Some((rule, place)) = about_object(index, event, &object) {
        return Some(said(rule, place));
    }
    bait_namespace(index, event, &object)
}

/// The user is the decoy, or the credential is one of a decoy's.
fn credential_used(index: &Index, event: &Event<'_>) -> Option<Place> {
    let user = index.user(event.user.username).map(Place::whole);
    let id = event.user.extra(keys::CREDENTIAL_ID).iter().find_map(|id| index.credential(&id.decode()));
    id.or_else(|| legacy_token(index, event)).or(user)
}

/// What the annotations `legacy-token*` say. Their values are a user name, a Secret's name (in the account's
/// namespace), or `SECRET/NAMESPACE` (`pkg/serviceaccount/legacy.go`).
fn legacy_token(index: &Index, event: &Event<'_>) -> Option<Place> {
    let of_legacy = |key: &Text<'_>| key.decode().starts_with(keys::LEGACY_TOKEN_PREFIX);
    let mut values =
        event.annotations.iter().filter(|(key, _)| of_legacy(key)).map(|(_, v)| v.decode()).peekable();
    values.peek()?;
    let values: Vec<_> = values.collect();
    let user = values.iter().find_map(|v| index.user_name(v));
    let account =
        values.iter().find_map(|v| v.strip_prefix("system:serviceaccount:")).and_then(|v| v.split_once(':'));
    let namespace = account.map(|(namespace, _)| namespace.to_owned());
    let secret = values.iter().find_map(|value| match value.split_once('/') {
        Some((secret, namespace)) => index.secret(namespace, secret),
        None => index.secret(namespace.as_deref()?, value),
    });
    secret.or(user.map(Place::whole))
}

/// A 403 to an impersonation whose target is the decoy: `details` has the target's kind and name, and the message its
/// namespace.
fn impersonation_refused(index: &Index, event: &Event<'_>) -> Option<usize> {
    let status = event.response_status.filter(|s| s.code == 403)?;
    let details = status.details.filter(|d| d.kind == "serviceaccounts" && !d.name.is_empty())?;
    let message = status.message.decode();
    index.account(refusal::namespace_of_target(&message)?, &details.name.decode())
}

/// The rows about an object that the request names.
fn about_object(index: &Index, event: &Event<'_>, object: &ObjectRef<'_>) -> Option<(Rule, Place)> {
    let (namespace, name) = (object.namespace.decode(), object.name.decode());
    let whole = Place::whole;
    let resource = object.resource.decode();
    match (&*resource, &*object.subresource.decode()) {
        ("subjectaccessreviews" | "localsubjectaccessreviews" | "tokenreviews", _) => {
            let user = body::reviewed_user(event)?;
            Some((rules::TOKEN_CHECKED, whole(index.user_name(&user)?)))
        }
        ("serviceaccounts", "token") if event.verb == "create" => {
            let decoy = index.account(&namespace, &name)?;
            let rule = if is_kubelet(event) { rules::RUNS_AS_DECOY } else { rules::TOKEN_REQUESTED };
            Some((rule, whole(decoy)))
        }
        ("serviceaccounts", "") if changes(event.verb) => {
            Some((rules::ACCOUNT_CHANGED, whole(index.account(&namespace, &name)?)))
        }
        ("secrets", "") => secret(index, event, &namespace, &name),
        ("rolebindings" | "clusterrolebindings", "") if changes(event.verb) => {
            let bound = |subject: &body::Subject| match subject {
                body::Subject::Account(namespace, name) => index.account(namespace, name),
                body::Subject::User(name) => index.user_name(name),
            };
            Some((rules::ROLE_BOUND, whole(body::subjects(event).iter().find_map(bound)?)))
        }
        ("nodes", "proxy") => {
            let (namespace, pod) = entry::pod(event)?;
            Some((entry::rule(event), index.pod(&namespace, &pod)?))
        }
        ("pods", "ephemeralcontainers") if entry::is_into_pod(event) => {
            let decoy = index.pod(&namespace, &name).map(|place| (entry::rule(event), place));
            // Into another pod, it can still take a decoy's Secret with it.
            decoy.or_else(|| workload(index, event, &namespace))
        }
        ("pods", _) if entry::is_into_pod(event) => Some((entry::rule(event), index.pod(&namespace, &name)?)),
        (_, "") if makes(event.verb) => workload(index, event, &namespace),
        _ => None,
    }
}

/// A decoy's Secret by its name, and a Secret that would become a token of a decoy.
fn secret(index: &Index, event: &Event<'_>, namespace: &str, name: &str) -> Option<(Rule, Place)> {
    let place = if event.verb == "create" { None } else { named_secret(index, event, namespace, name) };
    let Some(place) = place else {
        // Server-side apply makes objects too, as a patch.
        let account = body::token_secret_account(event).filter(|_| makes(event.verb))?;
        return Some((rules::TOKEN_SECRET_MADE, Place::whole(index.account(namespace, &account)?)));
    };
    // Only the API server itself is this user, and it patches Secrets for this one purpose.
    if event.verb == "patch" && event.user.username == "system:apiserver" {
        return Some((rules::TOKEN_LAST_USED, place));
    }
    Some((rules::SECRET_TOUCHED, place))
}

/// The Secret that the request names. A list or watch of all namespaces names one by the field selector
/// `metadata.name`, which the API server puts into `objectRef.name`
/// (`k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`), and gets the decoy's among those of that name.
fn named_secret(index: &Index, event: &Event<'_>, namespace: &str, name: &str) -> Option<Place> {
    let everywhere = namespace.is_empty() && (event.verb == "list" || event.verb == "watch");
    if everywhere { index.secret_anywhere(name) } else { index.secret(namespace, name) }
}

/// A pod, or anything with a pod template, that runs as a decoy or takes its Secret.
fn workload(index: &Index, event: &Event<'_>, namespace: &str) -> Option<(Rule, Place)> {
    let pod = body::pod_spec(event)?;
    let account = pod.accounts.iter().find_map(|account| index.account(namespace, account));
    if let Some(decoy) = account {
        return Some((rules::WORKLOAD_AS_DECOY, Place::whole(decoy)));
    }
    let place = pod.secrets.iter().find_map(|secret| index.secret(namespace, secret))?;
    Some((rules::SECRET_MOUNTED, place))
}

/// A request into a namespace that is bait as a whole. Looking at the namespace object itself, or labelling it, is
/// not a request into it; taking it away is.
fn bait_namespace(index: &Index, event: &Event<'_>, object: &ObjectRef<'_>) -> Option<Touch> {
    let namespace = object.namespace.decode();
    let itself = object.resource == "namespaces" && event.verb != "delete";
    if itself || !index.is_bait(&namespace) {
        return None;
    }
    let decoy = DecoyRef { name: namespace.into_owned(), ..DecoyRef::default() };
    Some(Touch { rule: rules::BAIT_NAMESPACE, decoy })
}

pub(super) fn is_kubelet(event: &Event<'_>) -> bool {
    let groups = &event.user.groups;
    // GKE's entries carry neither groups nor the request's path; the API server's own events always have a path.
    let of_gke = groups.is_empty() && event.request_uri.is_empty();
    let node = of_gke || groups.iter().any(|g| *g == "system:nodes");
    node && event.user.username.decode().starts_with("system:node:")
}

fn changes(verb: Text<'_>) -> bool {
    makes(verb) || verb == "delete"
}

fn makes(verb: Text<'_>) -> bool {
    verb == "create" || verb == "update" || verb == "patch"
}
