//! Least privilege: what each identity used of what it has, from audit logs, and a role that holds no more.

mod demand;
mod enough;
mod impersonation;
mod implied;
mod join;
mod least;
mod manifest;
mod narrow;

use std::collections::BTreeSet;

use hashbrown::HashMap;
use jiff::Timestamp;
use sundew_audit::{Event, ObjectRef};

pub use demand::{Demand, Who, demands};
pub use join::join;
pub use least::{Least, Margin, Purpose, least};
pub use manifest::{binding_yaml, role_yaml};
pub use narrow::{GrantUse, Narrowed, narrow, role_name, rule_in_words};

use self::demand::makes;
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
    /// Objects that it made, by the `create` of their kind: with their names, or without where the log has none.
    pub(crate) made: HashMap<What, Names>,
    /// The `create` that a PUT or PATCH needed besides, of what was not there yet.
    pub(crate) puts: HashMap<What, Names>,
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
        self.uses.entry(what).or_default().add(name);
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        if name.is_empty() {
            self.any = true;
        } else if !self.some.contains(name) {
            if self.some.len() < MOST_NAMES {
                self.some.insert(Box::from(name));
            } else {
                self.more = true;
            }
        }
    }
}

/// How often somebody asked for something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How many requests were allowed.
    pub requests: u64,
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
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
        for demand in demands(event) {
            let used = self.by.entry_ref(&*demand.user.name()).or_default();
            // These are no more than the uses, which are bounded: to each belongs one.
            if demand.is_put {
                used.made.entry(demand.what.clone()).or_default().add(&demand.name);
                used.puts.entry(demand.what).or_default().add(&demand.name);
                continue;
            }
            if demand.is_main && makes(event) && !used.overflowed {
                let name =
                    event.object_ref.as_ref().map_or_else(Default::default, |object| object.name.decode());
                used.made.entry(demand.what.clone()).or_default().add(&name);
            }
            used.add(demand.what, &demand.name);
            if !demand.is_main {
                continue;
            }
            let time = event.time();
            // The end of a request that takes long is told in a second event.
            used.requests += u64::from(event.stage != "ResponseStarted");
            widen(&mut used.first, &mut used.last, time);
            widen(&mut self.first, &mut self.last, time);
        }
    }

    /// The names of the identities that did anything.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.by.keys().map(String::as_str)
    }

    /// How often somebody asked for something, when first and when last; nothing for whoever did nothing.
    pub fn seen(&self, user: &str) -> Option<Seen> {
        let used = self.by.get(user).filter(|used| used.requests > 0 || used.last.is_some())?;
        let (first, last) = used.first.zip(used.last)?;
        Some(Seen { requests: used.requests, first, last })
    }

    /// Whether a user did anything of which `is` answers true. Of names beyond those that are remembered it is not
    /// asked.
    pub fn did(&self, user: &str, is: &mut dyn FnMut(&Request<'_>) -> bool) -> bool {
        let Some(used) = self.by.get(user) else { return false };
        let all = used.uses.iter().chain(&used.made).chain(&used.puts);
        all.into_iter().any(|(what, names)| {
            let each = names.some.iter().map(|name| &**name).chain(names.any.then_some(""));
            each.into_iter().any(|name| is(&what.request(name)))
        })
    }

    /// Whether a user did anything with more names than are remembered of which `is` answers true: it is asked without
    /// a name.
    pub fn did_with_more(&self, user: &str, is: &mut dyn FnMut(&Request<'_>) -> bool) -> bool {
        let Some(used) = self.by.get(user) else { return false };
        used.uses.iter().any(|(what, names)| names.more && is(&what.request("")))
    }

    /// The time of the first and the last event.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.first.zip(self.last)
    }

    pub(crate) fn of(&self, user: &str) -> Option<&Used> {
        self.by.get(user)
    }
}

fn widen(first: &mut Option<Timestamp>, last: &mut Option<Timestamp>, time: Option<Timestamp>) {
    *first = [*first, time].into_iter().flatten().min();
    *last = [*last, time].into_iter().flatten().max();
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

    /// The same with another verb.
    fn with_verb(&self, to: &str) -> Self {
        let mut what = self.clone();
        match &mut what {
            Self::Resource { verb, .. } | Self::Url { verb, .. } => *verb = to.into(),
        }
        what
    }

    /// The `create` by which objects of this kind are made where this is about some.
    fn making(&self) -> Self {
        let mut what = self.with_verb("create");
        if let Self::Resource { subresource, .. } = &mut what {
            *subresource = "".into();
        }
        what
    }

    /// The same in another namespace.
    fn in_namespace(&self, to: &str) -> Self {
        let mut what = self.clone();
        if let Self::Resource { namespace, .. } = &mut what {
            *namespace = to.into();
        }
        what
    }

    /// The verb.
    fn verb(&self) -> &str {
        match self {
            Self::Resource { verb, .. } | Self::Url { verb, .. } => verb,
        }
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
