//! The pod spec, wherever it stands in a request's body.

use super::{Found, Node, Path, Value};

/// The lists of containers, ephemeral and init containers among them: each runs with what it asks for.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Where a pod's template stands: CronJob; Deployment, DaemonSet, StatefulSet, ReplicaSet, ReplicationController, Job and
/// whatever follows their pattern; PodTemplate.
const TEMPLATES: [&[&str]; 3] = [
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["spec", "template", "spec"],
    &["template", "spec"],
];

/// The pod spec in `body`, of a request for `resource`. Told by where it stands, so that patches, which have no kind, and
/// custom resources that hold a pod's template are read as well.
pub(super) fn spec<'v>(body: &'v Node<'v>, resource: &str) -> Option<&'v Node<'v>> {
    if resource == "pods" || body.member("kind").and_then(Node::text) == Some("Pod") {
        return body.member("spec");
    }
    TEMPLATES.iter().find_map(|path| path.iter().try_fold(body, |node, key| node.member(key)))
}

/// What `path` leads to from a pod spec.
pub(super) fn values<'v>(spec: &'v Node<'v>, path: &Path) -> Found<'v> {
    let mut found = Found::new();
    let Some(below) = path.below(CONTAINERS[0]) else {
        path.walk(spec, &mut found);
        return found;
    };
    for list in CONTAINERS.iter().filter_map(|list| spec.member(list)) {
        match list {
            // The containers themselves, not three lists of them.
            Node::List(containers) if below.is_empty() => found.extend(containers.iter().map(Value::Node)),
            list => below.walk(list, &mut found),
        }
    }
    found
}
