//! The rights that a request of the logs needed, each as the API server asked the authorizer for it.

use serde::Deserialize;
use sundew_audit::{Event, User};

use super::{What, impersonation, implied};
use crate::rbac::{Identity, Rbac, Request};

/// One right that a request needed.
#[derive(Debug)]
pub struct Demand<'r, 'e> {
    /// Whose right it must be.
    pub user: Who<'r, 'e>,
    pub(crate) what: What,
    pub(crate) name: String,
    /// Whether it is the request itself, and not what had to be allowed besides.
    pub is_main: bool,
    /// Whether it is the `create` of a PUT or PATCH that made the object.
    pub(crate) is_put: bool,
}

/// Whose right it must be.
#[derive(Debug)]
pub enum Who<'r, 'e> {
    /// Somebody of whom the event tells.
    Known(&'r User<'e>),
    /// Somebody of whom a server asked: name and groups.
    Asked(String, Vec<String>),
}

impl Who<'_, '_> {
    /// The user name.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Known(user) => user.username.decode(),
            Self::Asked(name, _) => name.into(),
        }
    }

    /// The user with the groups that authentication gave them.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Known(user) => {
                let groups: Vec<_> = user.groups.iter().map(|group| group.decode()).collect();
                Identity::user(&user.username.decode(), &groups.iter().map(|g| &**g).collect::<Vec<_>>())
            }
            Self::Asked(name, groups) => {
                Identity::user(name, &groups.iter().map(String::as_str).collect::<Vec<_>>())
            }
        }
    }
}

impl Demand<'_, '_> {
    /// What the authorizer was asked.
    pub fn request(&self) -> Request<'_> {
        self.what.request(&self.name)
    }

    /// Whether `after` leaves out a right that `before` holds and that this may need besides, such as `bind` of a
    /// role that is bound: the event does not say whether it did.
    pub fn loses_implied(&self, who: &Identity, before: &Rbac<'_>, after: &Rbac<'_>) -> bool {
        implied::by(&self.what).iter().any(|implied| {
            let request = implied.request("");
            before.can(who, &request).is_some() && after.can(who, &request).is_none()
        })
    }
}

/// Whether the authorizer refused it, or nobody came as far as to ask.
pub(super) fn is_refused(event: &Event<'_>) -> bool {
    event
        .annotation("authorization.k8s.io/decision")
        .map_or_else(|| matches!(event.code(), Some(401 | 403)), |decision| decision.decode() != "allow")
}

/// Whose rights a request uses: whoever acts as somebody else uses that one's.
pub(super) fn acting<'r, 'e>(event: &'r Event<'e>) -> &'r User<'e> {
    event.impersonated_user.as_ref().unwrap_or(&event.user)
}

/// Every right that an event shows to have been needed and given. Nothing for what was refused, and for the stage at
/// which nothing is decided yet.
pub fn demands<'r, 'e>(event: &'r Event<'e>) -> Vec<Demand<'r, 'e>> {
    let mut found = Vec::new();
    // What was decided follows in an event of its own.
    if event.stage == "RequestReceived" {
        return found;
    }
    // The target is told only where it was allowed, whatever became of the request.
    if let Some(target) = &event.impersonated_user {
        for (what, name) in impersonation::needs(event, target) {
            found.push(Demand { user: Who::Known(&event.user), what, name, is_main: false, is_put: false });
        }
    }
    let user = acting(event);
    if is_refused(event) || user.username.is_empty() {
        return found;
    }
    let (what, name) = main(event);
    // PUT and PATCH of what is not there ask for `create` too (`pkg/endpoints/handlers/{update,patch}.go`), with the
    // name.
    if matches!(what.verb(), "update" | "patch") && event.code() == Some(201) {
        let what = what.with_verb("create");
        found.push(Demand { user: Who::Known(user), what, name: name.clone(), is_main: false, is_put: true });
    }
    found.push(Demand { user: Who::Known(user), what, name, is_main: true, is_put: false });
    found.extend(asked(event));
    found
}

/// What the request itself is about.
fn main(event: &Event<'_>) -> (What, String) {
    let verb = event.verb.decode();
    match &event.object_ref {
        Some(object) if !object.resource.is_empty() => {
            let name = if makes(event) { String::new() } else { object.name.decode().into_owned() };
            (What::of(object, &verb), name)
        }
        _ => {
            let uri = event.request_uri.decode();
            let path = uri.split('?').next().unwrap_or_default();
            (What::Url { path: path.into(), verb: (*verb).into() }, String::new())
        }
    }
}

/// Whether a request makes an object: its name stands in the event and not in what is authorized.
pub(super) fn makes(event: &Event<'_>) -> bool {
    event.verb == "create" && event.object_ref.as_ref().is_none_or(|object| object.subresource.is_empty())
}

/// `SubjectAccessReview` of authorization.k8s.io/v1.
#[derive(Deserialize)]
struct Review {
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    user: String,
    #[serde(default)]
    groups: Option<Vec<String>>,
    resource_attributes: Option<Attributes>,
    non_resource_attributes: Option<PathAttributes>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attributes {
    namespace: String,
    verb: String,
    group: String,
    resource: String,
    subresource: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PathAttributes {
    path: String,
    verb: String,
}

/// What another server asked on behalf of somebody who used it: it stands in the body of a SubjectAccessReview, where
/// bodies are logged. The answer is not needed: who has no such right loses none.
fn asked<'r, 'e>(event: &Event<'e>) -> Option<Demand<'r, 'e>> {
    let object = event.object_ref.as_ref().filter(|_| event.verb == "create")?;
    if object.resource != "subjectaccessreviews" && object.resource != "localsubjectaccessreviews" {
        return None;
    }
    let Review { spec } = serde_json::from_str(event.request_object?).ok()?;
    let (what, name) = match (spec.resource_attributes, spec.non_resource_attributes) {
        (Some(of), _) => {
            (What::resource(&of.group, &of.resource, &of.subresource, &of.namespace, &of.verb), of.name)
        }
        (None, Some(of)) => (What::Url { path: of.path.into(), verb: of.verb.into() }, String::new()),
        (None, None) => return None,
    };
    let user = Who::Asked(spec.user, spec.groups.unwrap_or_default());
    (!user.name().is_empty()).then_some(Demand { user, what, name, is_main: false, is_put: false })
}
