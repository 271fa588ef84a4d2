//! Which rights it takes to act as somebody else (`pkg/endpoints/filters/impersonation` of the API server).

use serde::Deserialize;
use sundew_audit::{Event, User};

use super::{What, demand::makes};
use crate::rbac::{AUTHENTICATED, account_of};

const AUTHENTICATION: &str = "authentication.k8s.io";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    impersonation_constraint: Option<String>,
}

/// What the one who really asked needed to be `target` for this request, each with the name it is for.
pub(super) fn needs(event: &Event<'_>, target: &User<'_>) -> Vec<(What, String)> {
    let metadata = event.authentication_metadata.and_then(|text| serde_json::from_str::<Metadata>(text).ok());
    // From 1.36: `impersonate:MODE`, and then `impersonate-on:MODE:VERB` on what is asked for.
    let constraint = metadata.and_then(|m| m.impersonation_constraint).filter(|c| c.contains(':'));
    let verb = constraint.as_deref().unwrap_or("impersonate");
    let core = if constraint.is_some() { AUTHENTICATION } else { "" };
    let mut found = Vec::new();
    let mut need = |group: &str, resource: &str, subresource: &str, namespace: &str, name: &str| {
        found.push((What::resource(group, resource, subresource, namespace, verb), name.to_owned()));
    };
    let user = target.username.decode();
    let account = account_of(&user);
    let node = user.strip_prefix("system:node:").filter(|_| verb.ends_with("-node"));
    match (account, node) {
        (Some((namespace, name)), _) => need(core, "serviceaccounts", "", namespace, name),
        (None, Some(node)) => need(core, "nodes", "", "", node),
        (None, None) => need(core, "users", "", "", &user),
    }
    for group in &target.groups {
        let group = group.decode();
        // These come by themselves.
        let of_account = account.is_some() && group.starts_with("system:serviceaccounts");
        if group != AUTHENTICATED && !of_account && node.is_none() {
            need(core, "groups", "", "", &group);
        }
    }
    if !target.uid.is_empty() {
        need(AUTHENTICATION, "uids", "", "", &target.uid.decode());
    }
    for (key, values) in &target.extra {
        for value in values {
            need(AUTHENTICATION, "userextras", &key.decode(), "", &value.decode());
        }
    }
    if let (Some(mode), Some(object)) = (verb.strip_prefix("impersonate:"), &event.object_ref) {
        let on = format!("impersonate-on:{mode}:{}", event.verb.decode());
        let name = if makes(event) { String::new() } else { object.name.decode().into_owned() };
        found.push((What::of(object, &on), name));
    }
    found
}
