//! What the tripwire's rows need: by hand, as they are code; a test proves each row.

use sundew_detect::{rule::Rule, tripwire::rules};

use super::{
    hand::{Row, makes, object},
    shapes::Thing,
    who::{ANYBODY, By, NAMED},
};
use crate::Level::{Metadata, Request, RequestResponse};

fn row(rule: Rule, by: &'static [By], level: crate::Level, fits: fn(&Thing, &str) -> bool) -> Row {
    Row { name: rule.id, severity: rule.severity, by, level, fits, anywhere: false }
}

/// The rows. A detection with several rows sees as much as those show that hold.
pub(super) fn rows() -> Vec<Row> {
    let any = |rule, by| Row { anywhere: true, ..row(rule, by, Metadata, |_, _| true) };
    vec![
        // A decoy is a ServiceAccount, and whatever its token is used for is an event.
        any(rules::TOKEN_USED, &[By::Account]),
        // Whom somebody acts as stands in every event; a policy is asked for who they are.
        any(rules::IMPERSONATED, NAMED),
        any(rules::IMPERSONATION_REFUSED, NAMED),
        any(rules::BAIT_NAMESPACE, &[By::Account, By::Person, By::Anonymous]),
        any(rules::UNAUTHORIZED, &[By::Nobody]),
        row(rules::TOKEN_CHECKED, NAMED, Request, |thing, verb| {
            verb == "create"
                && (object(
                    thing,
                    "authorization.k8s.io",
                    &["subjectaccessreviews", "localsubjectaccessreviews"],
                ))
        }),
        // The answer names whose token it was, and the request has the token.
        row(rules::TOKEN_CHECKED, NAMED, RequestResponse, |thing, verb| {
            verb == "create" && object(thing, "authentication.k8s.io", &["tokenreviews"])
        }),
        row(rules::TOKEN_REQUESTED, &[By::Account, By::Person, By::ControlPlane], Metadata, token_request),
        row(rules::RUNS_AS_DECOY, &[By::Node], Metadata, token_request),
        row(rules::ACCOUNT_CHANGED, &[By::Account, By::Person, By::Node], Metadata, |thing, verb| {
            (makes(verb) || verb == "delete") && object(thing, "", &["serviceaccounts"])
        }),
        // An account that is there is not made again; that it was taken away first is an event of its own.
        row(rules::ACCOUNT_CHANGED, &[By::ControlPlane], Metadata, |thing, verb| {
            matches!(verb, "update" | "patch" | "delete") && object(thing, "", &["serviceaccounts"])
        }),
        row(rules::TOKEN_LAST_USED, &[By::ControlPlane], Metadata, |thing, verb| {
            verb == "patch" && object(thing, "", &["secrets"])
        }),
        row(rules::SECRET_TOUCHED, ANYBODY, Metadata, |thing, verb| {
            verb != "create" && object(thing, "", &["secrets"])
        }),
        row(rules::TOKEN_SECRET_MADE, NAMED, Request, |thing, verb| {
            makes(verb) && object(thing, "", &["secrets"])
        }),
        row(rules::ROLE_BOUND, NAMED, Request, |thing, verb| makes(verb) && is_binding(thing)),
        // A patch may show a part of a subject; the answer has the whole of it.
        row(rules::ROLE_BOUND, NAMED, RequestResponse, |thing, verb| verb == "patch" && is_binding(thing)),
        row(rules::POD_ENTERED, ANYBODY, Metadata, |thing, verb| match thing {
            Thing::Object { group, resource, subresource } if group.is_empty() => {
                match (resource.as_str(), subresource.as_str()) {
                    ("pods", "exec" | "attach" | "portforward") => matches!(verb, "get" | "create"),
                    ("pods", "ephemeralcontainers") => matches!(verb, "update" | "patch"),
                    ("nodes", "proxy") => true,
                    _ => false,
                }
            }
            _ => false,
        }),
        // Which pods hold a decoy's credential: only the answer names one that asked for a generated name.
        row(rules::POD_ENTERED, NAMED, RequestResponse, |thing, verb| {
            verb == "create" && object(thing, "", &["pods"])
        }),
        row(rules::WORKLOAD_AS_DECOY, &[By::Account, By::Person, By::Node], Request, takes_pod_spec),
        row(rules::SECRET_MOUNTED, &[By::Account, By::Person, By::Node], Request, takes_pod_spec),
        // What controllers make from a template was seen when the template was made; but pods are what is entered.
        row(rules::WORKLOAD_AS_DECOY, &[By::ControlPlane], Request, is_pod_made),
        row(rules::SECRET_MOUNTED, &[By::ControlPlane], Request, is_pod_made),
    ]
}

fn token_request(thing: &Thing, verb: &str) -> bool {
    let Thing::Object { group, resource, subresource } = thing else { return false };
    verb == "create" && group.is_empty() && resource == "serviceaccounts" && subresource == "token"
}

fn is_binding(thing: &Thing) -> bool {
    object(thing, "rbac.authorization.k8s.io", &["rolebindings", "clusterrolebindings"])
}

fn takes_pod_spec(thing: &Thing, verb: &str) -> bool {
    let Thing::Object { subresource, .. } = thing else { return false };
    makes(verb) && thing.holds_pods() && (subresource.is_empty() || subresource == "ephemeralcontainers")
}

fn is_pod_made(thing: &Thing, verb: &str) -> bool {
    verb == "create" && object(thing, "", &["pods"])
}
