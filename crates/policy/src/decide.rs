//! Which rule of a policy decides on a request, exactly as the API server finds it
//! (`staging/src/k8s.io/apiserver/pkg/audit/policy/checker.go`).

use std::borrow::Cow;

use sundew_audit::Event;

use crate::model::{Level, Policy, Resources, Rule, Stage};

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Objects.
    Resource {
        /// The API group; empty for the core group.
        group: &'a str,
        /// The resource, plural.
        resource: &'a str,
        /// As `exec`; empty for the resource itself.
        subresource: &'a str,
        /// The namespace; empty for none and for all.
        namespace: &'a str,
        /// The name as the path or a field selector has it: empty for create and for a collection.
        name: &'a str,
    },
    /// A path that is no resource, without its query.
    Url(&'a str),
}

/// What a policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Who authenticated, with groups; nobody for a 401.
    pub user: Option<(&'a str, &'a [&'a str])>,
    /// The verb.
    pub verb: &'a str,
    /// What it is about.
    pub target: Target<'a>,
}

impl Attributes<'_> {
    /// Hands on what a policy looked at when it decided on the request of this event.
    ///
    /// The user is who authenticated: the policy is asked before impersonation is looked at
    /// (`apiserver/pkg/server/config.go`, `DefaultBuildHandlerChain`).
    pub fn of<T>(event: &Event<'_>, then: impl FnOnce(&Attributes<'_>) -> T) -> T {
        let username = event.user.username.decode();
        let groups: Vec<Cow<'_, str>> = event.user.groups.iter().map(|group| group.decode()).collect();
        let groups: Vec<&str> = groups.iter().map(AsRef::as_ref).collect();
        let user = (!username.is_empty()).then_some((&*username, &*groups));
        let verb = event.verb.decode();
        let path = path(&event.request_uri.decode());
        let Some(object) = &event.object_ref else {
            return then(&Attributes { user, verb: &verb, target: Target::Url(&path) });
        };
        let (group, resource) = (object.api_group.decode(), object.resource.decode());
        let (subresource, namespace) = (object.subresource.decode(), object.namespace.decode());
        let name = object.name.decode();
        // The API server adds to the event what only the body said (`apiserver/pkg/audit/request.go`,
        // `LogRequestObject`), and that is after it asked the policy.
        let said = (verb == "create" && subresource.is_empty()).then(|| said_by_path(&path));
        let (namespace, name) = said.unwrap_or((&namespace, &name));
        let target = Target::Resource {
            group: &group,
            resource: &resource,
            subresource: &subresource,
            namespace,
            name,
        };
        then(&Attributes { user, verb: &verb, target })
    }
}

/// The decoded path of a URI.
fn path(uri: &str) -> String {
    let uri = uri.split('?').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(uri.len());
    let mut rest = uri.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|d| char::from(*d).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Namespace and name as the path of a request for objects has them
/// (`apiserver/pkg/endpoints/request/requestinfo.go`).
fn said_by_path(path: &str) -> (&str, &str) {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let parts = match parts.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => &[],
    };
    let parts = match parts {
        ["watch" | "proxy", rest @ ..] if !rest.is_empty() => rest,
        parts => parts,
    };
    let (namespace, parts) = match parts {
        ["namespaces", namespace, "status" | "finalize", ..] => (*namespace, parts),
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        ["namespaces", namespace] => (*namespace, parts),
        parts => ("", parts),
    };
    (namespace, parts.get(1).copied().unwrap_or_default())
}

/// What a policy says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// How much is logged.
    pub level: Level,
    /// The rule, counted from 0; none where none fits.
    pub rule: Option<usize>,
    /// Whether managed fields are left out of bodies.
    pub omit_managed_fields: bool,
}

impl Policy {
    /// What this policy says of a request.
    pub fn decide(&self, request: &Attributes<'_>) -> Decision {
        let found = self.rules.iter().enumerate().find(|(_, rule)| rule.fits(request));
        let by_default = self.omit_managed_fields;
        let Some((at, rule)) = found else {
            return Decision { level: Level::None, rule: None, omit_managed_fields: by_default };
        };
        let omit_managed_fields = rule.omit_managed_fields.unwrap_or(by_default);
        Decision { level: rule.level, rule: Some(at), omit_managed_fields }
    }

    /// Whether the rule, or the policy where there is none, logs at this stage.
    pub fn logs_at(&self, rule: Option<usize>, stage: Stage) -> bool {
        let of_rule = rule.and_then(|rule| self.rules.get(rule)).map_or(&[][..], |rule| &rule.omit_stages);
        !self.omit_stages.contains(&stage) && !of_rule.contains(&stage)
    }
}

impl Rule {
    /// Whether this rule fits a request.
    pub fn fits(&self, request: &Attributes<'_>) -> bool {
        let by_user = self.users.is_empty() || request.user.is_some_and(|(name, _)| has(&self.users, name));
        let by_group = self.groups.is_empty()
            || request.user.is_some_and(|(_, groups)| groups.iter().any(|group| has(&self.groups, group)));
        let by_verb = self.verbs.is_empty() || has(&self.verbs, request.verb);
        by_user && by_group && by_verb && self.fits_target(&request.target)
    }

    fn fits_target(&self, target: &Target<'_>) -> bool {
        let for_objects = !self.namespaces.is_empty() || !self.resources.is_empty();
        match *target {
            Target::Url(_) if for_objects => false,
            Target::Url(path) => self.urls.is_empty() || self.urls.iter().any(|url| fits_path(url, path)),
            Target::Resource { namespace, .. } if for_objects => {
                (self.namespaces.is_empty() || has(&self.namespaces, namespace))
                    && (self.resources.is_empty() || self.resources.iter().any(|r| r.fits(target)))
            }
            Target::Resource { .. } => self.urls.is_empty(),
        }
    }
}

impl Resources {
    /// Whether a request for objects is about these; never for another.
    pub fn fits(&self, target: &Target<'_>) -> bool {
        let Target::Resource { group, resource, subresource, name, .. } = *target else { return false };
        if self.group != group && self.group != "*" {
            return false;
        }
        if self.resources.is_empty() {
            return true;
        }
        let by_name = self.names.is_empty() || has(&self.names, name);
        by_name && self.resources.iter().any(|pattern| fits_resource(pattern, resource, subresource))
    }
}

/// Whether `pods`, `pods/log`, `pods/*`, `*/scale` or `*` means a resource. `pods/*` means `pods` as well.
pub(crate) fn fits_resource(pattern: &str, resource: &str, subresource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let Some((main, sub)) = pattern.split_once('/') else {
        return pattern == resource && subresource.is_empty();
    };
    // No resource has a name with a slash or a star, so one slash is all that can mean something.
    (main == resource && sub == subresource && !sub.is_empty())
        || (main == resource && sub == "*")
        || (main == "*" && sub == subresource && !sub.is_empty())
}

/// Whether `/healthz`, `/healthz*` or `*` means a path.
pub(crate) fn fits_path(pattern: &str, path: &str) -> bool {
    pattern == "*"
        || pattern == path
        || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

fn has(list: &[String], word: &str) -> bool {
    list.iter().any(|entry| entry == word)
}
