//! How large bodies are: by the log where it has such, else by what was measured once.

use hashbrown::HashMap;
use sundew_audit::Event;

use super::resource;

/// Bytes of bodies of requests and of answers without managed fields, as the project's recordings and a small cluster of
/// v1.36 have them; by the beginning of the resource.
const MEASURED: &[(&str, &str, [u64; 2])] = &[
    ("pods", "create", [900, 2_000]),
    ("pods", "delete", [90, 2_000]),
    ("deployments.apps", "patch", [80, 2_200]),
    ("deployments.apps/scale", "patch", [40, 300]),
    ("deployments.apps", "create", [1_450, 1_700]),
    ("rolebindings.rbac.authorization.k8s.io", "patch", [100, 450]),
    ("clusterrolebindings.rbac.authorization.k8s.io", "patch", [100, 400]),
    ("rolebindings.rbac.authorization.k8s.io", "create", [600, 700]),
    ("clusterrolebindings.rbac.authorization.k8s.io", "create", [500, 630]),
    ("roles.rbac.authorization.k8s.io", "create", [500, 620]),
    ("clusterroles.rbac.authorization.k8s.io", "create", [720, 830]),
    ("subjectaccessreviews.authorization.k8s.io", "create", [260, 400]),
    ("namespaces", "create", [180, 300]),
    ("services", "create", [450, 700]),
    ("certificatesigningrequests.certificates.k8s.io", "create", [1_100, 1_300]),
];

/// What any other is taken for.
const USUAL: [u64; 2] = [1_000, 1_500];
/// The same of a patch.
const USUAL_PATCH: [u64; 2] = [250, 1_500];

/// What was seen of bodies, by resource and verb: of the request and of the answer, bytes and how many.
#[derive(Debug, Default)]
pub(super) struct Sizes(HashMap<(String, String), [(u64, u64); 2]>);

impl Sizes {
    pub(super) fn learn(&mut self, event: &Event<'_>) {
        let bodies = [event.request_object, event.response_object];
        if bodies.iter().all(Option::is_none) {
            return;
        }
        let key = (resource(event), event.verb.decode().into_owned());
        let seen = self.0.entry(key).or_default();
        for (seen, body) in seen.iter_mut().zip(bodies) {
            if let Some(body) = body {
                seen.0 += body.len() as u64;
                seen.1 += 1;
            }
        }
    }

    /// How large the bodies of the request and of the answer are, names of their fields included.
    pub(super) fn of(&self, resource: &str, verb: &str) -> [u64; 2] {
        let measured = MEASURED.iter().find(|(of, by, _)| *of == resource && *by == verb);
        let usual = if verb == "patch" { USUAL_PATCH } else { USUAL };
        let guess = measured.map_or(usual, |(.., sizes)| *sizes);
        let seen = self.0.get(&(resource.to_owned(), verb.to_owned())).copied().unwrap_or_default();
        // `,"requestObject":` and its like.
        [0, 1].map(|at| seen[at].0.checked_div(seen[at].1).unwrap_or(guess[at]) + 18)
    }
}

/// Whether the API server would log a request's body: only of what was asked for and let in.
pub(super) fn has_body(event: &Event<'_>) -> bool {
    let sends =
        ["create", "update", "patch", "delete", "deletecollection"].iter().any(|verb| event.verb == *verb);
    sends
        && of_objects(event)
        && event.stage == "ResponseComplete"
        && !matches!(event.code(), Some(401 | 403))
}

/// Whether it would log an answer's.
pub(super) fn has_answer(event: &Event<'_>) -> bool {
    event.verb != "watch"
        && of_objects(event)
        && event.stage == "ResponseComplete"
        && event.code().is_some_and(|code| code < 400)
}

fn of_objects(event: &Event<'_>) -> bool {
    let Some(object) = event.object_ref else { return false };
    !["exec", "attach", "portforward", "proxy"].iter().any(|sub| object.subresource == *sub)
}
