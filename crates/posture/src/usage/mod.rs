//! Least privilege: what each identity used of what it has, from audit logs, and a role that holds no more.

mod impersonation;
mod implied;
mod join;
mod narrow;

use std::collections::BTreeSet;

use hashbrown::HashMap;
use jiff::Timestamp;
use sundew_audit::{Event, ObjectRef};

pub use join::join;
pub use narrow::{GrantUse, Narrowed, narrow};

use crate::rbac::{Request, Target};

/// The most names that are remembered for one verb on one resource in one namespace: of more it is only known
/// that there were.
const MOST_NAMES: usize = 32;
/// The most different uses that are remembered of one identity.
const MOST_USES: usize = 20_000;

/// What was used on which resource, without the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum What {
    /// Objects.
    Resource {
        group: Box<str>,
        resource: Box<str>,
        subresource: Box<str>,
        namespace: Box<str>,
        verb: Box<str>,
    },
    /// A path that is no resource.
    Url { path: Box<str>, verb: Box<str> },
}

/// Names with which something was used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Each, up to a bound.
    pub(crate) some: BTreeSet<Box<str>>,
    /// Whether it was used without a name.
    pub(crate) any: bool,
    /// Whether it was used with more names than are remembered.
    pub(crate) more: bool,
}

/// What one identity used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    pub(crate) uses: HashMap<What, Names>,
    pub(crate) requests: u64,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    /// Whether there was more than is remembered: then nothing may be called unused.
    pub(crate) overflowed: bool,
}

impl Used {
    /// Notes one use, without a name or with one.
    fn add(&mut self, what: What, name: &str) {
        if self.uses.len() >= MOST_USES && !self.uses.contains_key(&what) {
            self.overflowed = true;
            return;
        }
        let names = self.uses.entry(what).or_default();
        if name.is_empty() {
            names.any = true;
        } else if !names.some.contains(name) {
            if names.some.len() < MOST_NAMES {
                names.some.insert(Box::from(name));
            } else {
                names.more = true;
            }
        }
    }
}

/// What every identity used, as audit logs tell.
#[derive(Debug, Default)]
pub struct Usage {
    by: HashMap<String, Used>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Usage {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event. A request that was refused used nothing.
    pub fn record(&mut self, event: &Event<'_>) {
        // Nothing is decided yet; what was decided follows in an event of its own.
        if event.stage == "RequestReceived" {
            return;
        }
        // It is told only where it was allowed, whatever became of the request.
        if let Some(target) = &event.impersonated_user {
            let used = self.by.entry_ref(&*event.user.username.decode()).or_default();
            for (what, name) in impersonation::needs(event, target) {
                used.add(what, &name);
            }
        }
        let refused = event
            .annotation("authorization.k8s.io/decision")
            .map_or_else(|| matches!(event.code(), Some(401 | 403)), |decision| decision.decode() != "allow");
        // Whoever acts as somebody else uses that one's rights.
        let user = event.impersonated_user.as_ref().unwrap_or(&event.user);
        if refused || user.username.is_empty() {
            return;
        }
        let time = event.time();
        let widen = |first: &mut Option<Timestamp>, last: &mut Option<Timestamp>| {
            *first = [*first, time].into_iter().flatten().min();
            *last = [*last, time].into_iter().flatten().max();
        };
        widen(&mut self.first, &mut self.last);
        let used = self.by.entry_ref(&*user.username.decode()).or_default();
        // The end of a request that takes long is told in a second event.
        used.requests += u64::from(event.stage != "ResponseStarted");
        widen(&mut used.first, &mut used.last);
        let verb = event.verb.decode();
        let (what, name) = match &event.object_ref {
            Some(object) if !object.resource.is_empty() => (What::of(object, &verb), object.name.decode()),
            _ => {
                let uri = event.request_uri.decode();
                let path = uri.split('?').next().unwrap_or_default();
                (What::Url { path: path.into(), verb: (*verb).into() }, "".into())
            }
        };
        let name = if makes(event) { "" } else { &name };
        used.add(what, name);
    }

    /// The names of the identities that did anything.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.by.keys().map(String::as_str)
    }

    /// The time of the first and the last event.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.first.zip(self.last)
    }

    pub(crate) fn of(&self, user: &str) -> Option<&Used> {
        self.by.get(user)
    }
}

/// Whether a request makes an object: its name stands in the event and not in what is authorized.
fn makes(event: &Event<'_>) -> bool {
    event.verb == "create" && event.object_ref.as_ref().is_none_or(|object| object.subresource.is_empty())
}

impl What {
    /// A verb on objects.
    pub(crate) fn resource(
        group: &str,
        resource: &str,
        subresource: &str,
        namespace: &str,
        verb: &str,
    ) -> Self {
        Self::Resource {
            group: group.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: namespace.into(),
            verb: verb.into(),
        }
    }

    /// A verb on what an event is about.
    fn of(object: &ObjectRef<'_>, verb: &str) -> Self {
        let [group, resource, subresource, namespace] =
            [&object.api_group, &object.resource, &object.subresource, &object.namespace]
                .map(|text| text.decode());
        Self::resource(&group, &resource, &subresource, &namespace, verb)
    }

    /// Whether objects of this kind keep their names.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Resource { resource, .. }
            if matches!(&**resource, "secrets" | "configmaps" | "serviceaccounts" | "leases"
                | "users" | "groups" | "uids" | "userextras"))
    }

    /// The request, about one name or none.
    pub(crate) fn request<'r>(&'r self, name: &'r str) -> Request<'r> {
        match self {
            Self::Resource { group, resource, subresource, namespace, verb } => {
                Request { verb, target: Target::Resource { group, resource, subresource, name, namespace } }
            }
            Self::Url { path, verb } => Request { verb, target: Target::Url(path) },
        }
    }
}
