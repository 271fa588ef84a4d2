//! The loudest ordinary requests of a cluster's own identities, by its own log: what `--quiet` leaves out.
//!
//! Left out is only what a named ServiceAccount, controller or kubelet reads steadily, was never refused, and at which no
//! rule could find anything for that very user; never Secrets, never a decoy, and never all that somebody does: habits
//! and token checks must still know them. Besides, a kubelet's word about its own node.

mod ticks;

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use sundew_audit::{Event, event::keys};

use self::ticks::Ticks;
use super::is_credential;
use crate::{
    cut::{Cut, cut},
    model::{Level, Policy, Resources, Rule},
    need::{
        Ask, Needs,
        shapes::{READS, Thing},
        who::{By, kind},
    },
};

/// How many rules there are at most.
const MOST: usize = 40;
/// What is left out saves at least so much of all bytes.
const LEAST_SHARE: f64 = 0.003;
/// So many requests must have been seen.
const LEAST_REQUESTS: u64 = 20;
/// With more namespaces than this somebody walks through all of them.
const MOST_NAMESPACES: usize = 20;

/// Names of users or of namespaces.
pub type Names = HashSet<String>;

/// What a log tells of who is loud.
#[derive(Debug, Clone, Default)]
pub struct Quiet {
    /// Of all that is logged.
    bytes: u64,
    span: Ticks,
    users: HashMap<String, User>,
}

#[derive(Debug, Clone, Default)]
struct User {
    /// Whether a token of theirs is one of those that decoys have, or they act as others.
    barred: bool,
    habits: HashMap<Habit, BTreeMap<String, Tally>>,
}

/// What somebody does, wherever.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Habit {
    verb: String,
    thing: Thing,
    /// A kubelet's own node, where it speaks of that.
    own: Option<String>,
}

/// How things are read, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way<'h> {
    is_path: bool,
    /// In all of them where there is none.
    namespaces: Vec<String>,
    verb: &'h str,
    own: Option<&'h String>,
}

/// How often, in one namespace.
#[derive(Debug, Clone, Default)]
struct Tally {
    bytes: u64,
    requests: u64,
    refused: bool,
    ticks: Ticks,
}

/// Requests that are left out: of one identity, by one kind of reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Quieted {
    /// The user name.
    pub user: String,
    /// The verbs.
    pub verbs: Vec<String>,
    /// What is read.
    pub things: Vec<Thing>,
    /// Only the object of this name.
    pub name: Option<String>,
    /// In these namespaces, the empty one for requests for all; in any where there is none.
    pub namespaces: Vec<String>,
    /// The part of all bytes of the log that they were, from 0 to 1.
    pub share: f64,
}

impl Quiet {
    /// Takes in an event, of which `policy` decides whether it counts.
    pub fn record(&mut self, policy: &Policy, event: &Event<'_>, json: &str) {
        let user = event.user.username.decode();
        let legacy =
            event.annotations.iter().any(|(key, _)| key.decode().starts_with(keys::LEGACY_TOKEN_PREFIX));
        if legacy || event.impersonated_user.is_some() {
            self.users.entry_ref(&*user).or_default().barred = true;
        }
        let Cut::Kept { line, .. } = cut(policy, event, json) else { return };
        let bytes = line.len() as u64 + 1;
        self.bytes += bytes;
        let second = event.time().and_then(|time| u64::try_from(time.as_second()).ok());
        self.span.extend(second);
        if !matches!(kind(&user), By::Account | By::ControlPlane | By::Node) {
            return;
        }
        let Some((thing, namespace)) = about(event) else { return };
        let own = event.object_ref.and_then(|object| own_node(&user, &thing, &object.name.decode()));
        let habit = Habit { verb: event.verb.decode().into_owned(), thing, own };
        let tally = self.users.entry_ref(&*user).or_default().habits.entry(habit).or_default();
        let tally = tally.entry(namespace).or_default();
        tally.bytes += bytes;
        tally.requests += 1;
        tally.refused |= matches!(event.code(), Some(401 | 403));
        tally.ticks.extend(second);
    }

    /// What to leave out, the loudest first: nothing of `decoys`, which are user names, and nothing that reaches into a
    /// namespace of `bait`.
    pub fn choose(&self, needs: &Needs, decoys: &Names, bait: &Names) -> Vec<Quieted> {
        let mut chosen = Vec::new();
        for (name, user) in &self.users {
            if !user.barred && !decoys.contains(name) {
                chosen.extend(self.of_user(needs, name, user, bait));
            }
        }
        chosen.retain(|one| one.share >= LEAST_SHARE);
        chosen.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.user.cmp(&b.user)));
        chosen.truncate(MOST);
        chosen
    }

    fn of_user(&self, needs: &Needs, name: &str, user: &User, bait: &Names) -> Vec<Quieted> {
        let mut spared = self.spare(needs, name, user);
        // All of such a habit: what stood in the policy without the one namespace would give that away.
        spared.retain(|(_, tallies)| !tallies.keys().any(|namespace| bait.contains(namespace)));
        spared.sort_by_key(|(habit, _)| *habit);
        // What is read in the same places in the same way is one rule.
        let mut together: BTreeMap<Way<'_>, (Vec<Thing>, u64)> = BTreeMap::new();
        for (habit, tallies) in spared {
            let is_path = matches!(habit.thing, Thing::Url(_));
            let few = !is_path && tallies.len() <= MOST_NAMESPACES;
            let namespaces = if few { tallies.keys().cloned().collect() } else { Vec::new() };
            let way = Way { is_path, namespaces, verb: &habit.verb, own: habit.own.as_ref() };
            let (things, bytes) = together.entry(way).or_default();
            things.push(habit.thing.clone());
            *bytes += bytes_of(tallies);
        }
        let quieted = |(way, (things, bytes)): (Way<'_>, (Vec<Thing>, u64))| Quieted {
            user: name.to_owned(),
            verbs: vec![way.verb.to_owned()],
            namespaces: way.namespaces,
            things,
            name: way.own.cloned(),
            share: bytes as f64 / self.bytes.max(1) as f64,
        };
        together.into_iter().map(quieted).collect()
    }

    /// What of somebody's requests can be left out.
    fn spare<'u>(
        &self,
        needs: &Needs,
        name: &str,
        user: &'u User,
    ) -> Vec<(&'u Habit, &'u BTreeMap<String, Tally>)> {
        let steady = |tallies: &BTreeMap<String, Tally>| {
            let requests: u64 = tallies.values().map(|tally| tally.requests).sum();
            requests >= LEAST_REQUESTS && tallies.values().any(|tally| tally.ticks.are_steady(&self.span))
        };
        let (mut spared, kept): (Vec<_>, Vec<_>) = user
            .habits
            .iter()
            .partition(|(habit, tallies)| steady(tallies) && spares(needs, name, habit, tallies));
        // Who is never heard of any more is nobody whose habits are known, and whose second address is seen.
        if !kept.iter().any(|(_, tallies)| steady(tallies)) {
            let least =
                spared.iter().enumerate().min_by_key(|(_, (habit, tallies))| (bytes_of(tallies), *habit));
            if let Some((at, _)) = least {
                spared.swap_remove(at);
            }
        }
        spared
    }
}

fn bytes_of(tallies: &BTreeMap<String, Tally>) -> u64 {
    tallies.values().map(|tally| tally.bytes).sum()
}

/// Whether no detection that is about more than who asks can come of a habit. What counts many different things has one
/// less to count, and all the others.
fn spares(needs: &Needs, user: &str, habit: &Habit, tallies: &BTreeMap<String, Tally>) -> bool {
    let reads = match &habit.thing {
        Thing::Object { subresource, .. } => {
            READS.contains(&habit.verb.as_str()) && matches!(subresource.as_str(), "" | "status" | "scale")
        }
        Thing::Url(_) => habit.verb == "get",
    };
    let never_refused = tallies.values().all(|tally| !tally.refused);
    if habit.own.is_some() {
        return never_refused
            && habit.thing == Thing::object("", "nodes", "status")
            && habit.verb != "delete";
    }
    reads && never_refused && !is_credential_or_close(&habit.thing) && {
        let shape = needs.shape_of(&habit.thing, &habit.verb);
        let counted = |ask: &Ask| needs.detections()[ask.detection].counts;
        shape.is_some_and(|shape| needs.special_asks_of(user, shape).iter().all(counted))
    }
}

/// The node that a kubelet speaks of, where it is its own. What detections find there is about others' nodes: the API
/// server refuses a kubelet those (`plugin/pkg/admission/noderestriction`, `admitNode`), and never its own.
fn own_node(user: &str, thing: &Thing, name: &str) -> Option<String> {
    let own = user.strip_prefix("system:node:").filter(|own| *own == name)?;
    let node =
        matches!(thing, Thing::Object { group, resource, .. } if group.is_empty() && resource == "nodes");
    node.then(|| own.to_owned())
}

/// ConfigMaps are read by everybody, and reading them is no secret.
fn is_credential_or_close(thing: &Thing) -> bool {
    is_credential(thing) && *thing != Thing::object("", "configmaps", "")
}

/// What an event is about, and in which namespace.
fn about(event: &Event<'_>) -> Option<(Thing, String)> {
    let Some(object) = event.object_ref else {
        let uri = event.request_uri.decode();
        let path = uri.split('?').next().unwrap_or_default();
        // A rule's path cannot hold a star of its own, and what is escaped is nothing ordinary.
        let plain = path.starts_with('/') && !path.contains(['*', '%']);
        return plain.then(|| (Thing::Url(path.to_owned()), String::new()));
    };
    let thing =
        Thing::object(&object.api_group.decode(), &object.resource.decode(), &object.subresource.decode());
    Some((thing, object.namespace.decode().into_owned()))
}

impl Quieted {
    /// The rule that leaves them out.
    pub fn rule(&self) -> Rule {
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut urls = Vec::new();
        for thing in &self.things {
            match thing {
                Thing::Object { group, resource, subresource } if subresource.is_empty() => {
                    groups.entry(group).or_default().push(resource.clone());
                }
                Thing::Object { group, resource, subresource } => {
                    groups.entry(group).or_default().push(format!("{resource}/{subresource}"));
                }
                Thing::Url(path) => urls.push(path.clone()),
            }
        }
        let line = |(group, resources): (&str, Vec<String>)| Resources {
            group: group.to_owned(),
            resources,
            names: self.name.iter().cloned().collect(),
        };
        Rule {
            users: vec![self.user.clone()],
            verbs: self.verbs.clone(),
            resources: groups.into_iter().map(line).collect(),
            namespaces: self.namespaces.clone(),
            urls,
            comment: format!("{:.1} % of the log.", self.share * 100.0),
            ..Rule::new(Level::None)
        }
    }
}
