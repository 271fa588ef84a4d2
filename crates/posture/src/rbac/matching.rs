//! How a word of a rule matches a word of a request (`evaluation_helpers.go` of rbac.authorization.k8s.io/v1).

/// Verbs and API groups: `*` or the very same.
pub fn verb_matches(rule: &str, asked: &str) -> bool {
    rule == "*" || rule == asked
}

/// Resources: `*` is every resource and subresource; `pods` is not `pods/exec`; `*/exec` is that subresource of any
/// resource; `pods/*` is no pattern.
pub fn resource_matches(rule: &str, resource: &str, subresource: &str) -> bool {
    if rule == "*" {
        return true;
    }
    if subresource.is_empty() {
        return rule == resource;
    }
    // From the end, as a question may have slashes in either part.
    let main = rule.strip_suffix(subresource).and_then(|start| start.strip_suffix('/'));
    main.is_some_and(|main| main == "*" || main == resource)
}

/// Paths that are no resources: `*`, the very same, or a beginning before a last `*`.
pub fn url_matches(rule: &str, path: &str) -> bool {
    rule == path || rule.strip_suffix('*').is_some_and(|start| path.starts_with(start.trim_end_matches('*')))
}
