//! The rules of a policy, as far as they decide on kinds of requests.

use std::{borrow::Cow, collections::BTreeSet};

use crate::{
    decide::{fits_path, fits_resource},
    model::{Level, Policy, Resources, Rule, Stage},
    need::{
        Needs,
        shapes::{METHODS, OTHER, Thing, VERBS},
    },
};

/// Whose requests a rule decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope<'p> {
    /// Everybody's.
    Everybody,
    /// Those of these users.
    Users(&'p [String]),
    /// Those of whoever is in one of these groups.
    Groups(&'p [String]),
    /// Everybody's, in some namespaces or for objects of some names.
    There,
}

/// A kind of request, as a policy can tell it from others.
#[derive(Debug)]
pub(super) struct Request<'n> {
    pub(super) thing: Cow<'n, Thing>,
    pub(super) verb: &'static str,
    /// Where its needs stand.
    pub(super) shape: usize,
    /// Where the rules about its thing stand.
    about: usize,
}

/// That a rule, or the end of the rules, decides on a kind of request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'p> {
    /// The rule, counted from 0; none where none fits.
    pub(super) rule: Option<usize>,
    /// What reaches the log: less than the rule's level where it leaves out the stages that such a request has.
    pub(super) level: Level,
    pub(super) scope: Scope<'p>,
    /// The names of objects that the rule asks for; none where it asks for none.
    pub(super) names: &'p [String],
}

/// A rule about some thing.
#[derive(Debug)]
struct About<'p> {
    rule: usize,
    scope: Scope<'p>,
    names: &'p [String],
}

pub(super) struct Walker<'w> {
    policy: &'w Policy,
    requests: Vec<Request<'w>>,
    /// By thing the rules that are about it, in order.
    about: Vec<Vec<About<'w>>>,
    /// By rule the verbs that it asks for.
    verbs: Vec<u32>,
}

impl<'w> Walker<'w> {
    pub(super) fn new(policy: &'w Policy, needs: &'w Needs) -> Self {
        let verbs = policy.rules.iter().map(verbs).collect();
        let mut walker = Self { policy, requests: Vec::new(), about: Vec::new(), verbs };
        for (shape, of) in needs.shapes().iter().enumerate() {
            let same = walker.requests.last().is_some_and(|last| *last.thing == *of.thing);
            if !same {
                walker.add(&of.thing);
            }
            let about = walker.about.len() - 1;
            walker.requests.push(Request { thing: Cow::Borrowed(&*of.thing), verb: of.verb, shape, about });
        }
        for thing in named(policy, needs) {
            walker.add(&thing);
            let about = walker.about.len() - 1;
            for verb in thing.verbs() {
                if let Some(shape) = needs.shape_of(&thing, verb) {
                    walker.requests.push(Request { thing: Cow::Owned(thing.clone()), verb, shape, about });
                }
            }
        }
        walker
    }

    fn add(&mut self, thing: &Thing) {
        let about = self.policy.rules.iter().enumerate().filter_map(|(at, rule)| {
            let names = fits(rule, thing)?;
            Some(About { rule: at, scope: scope(rule, names), names })
        });
        self.about.push(about.collect());
    }

    pub(super) fn requests(&self) -> &[Request<'w>] {
        &self.requests
    }

    /// The rules that decide on a request, each for some, the last for all who are left.
    pub(super) fn steps(&self, request: &Request<'_>) -> Vec<Step<'w>> {
        let mut steps = Vec::new();
        for about in self.about_of(request) {
            let level = self.level(Some(about.rule), request);
            steps.push(Step { rule: Some(about.rule), level, scope: about.scope, names: about.names });
            if about.scope == Scope::Everybody {
                return steps;
            }
        }
        let level = self.level(None, request);
        steps.push(Step { rule: None, level, scope: Scope::Everybody, names: &[] });
        steps
    }

    /// What decides on a request whose credential was refused, and what of it reaches the log: such a request has no user.
    pub(super) fn step_of_nobody(&self, request: &Request<'_>) -> (Option<usize>, Level) {
        let rule =
            self.about_of(request).find(|about| about.scope == Scope::Everybody).map(|about| about.rule);
        let level = rule.map_or(Level::None, |at| self.policy.rules[at].level);
        let logged = self.policy.logs_at(rule, Stage::ResponseStarted);
        (rule, if logged { level } else { Level::None })
    }

    fn about_of(&self, request: &Request<'_>) -> impl Iterator<Item = &About<'w>> {
        let verb = bit(request.verb);
        self.about[request.about].iter().filter(move |about| self.verbs[about.rule] & verb != 0)
    }

    fn level(&self, rule: Option<usize>, request: &Request<'_>) -> Level {
        let level = rule.map_or(Level::None, |at| self.policy.rules[at].level);
        let complete = self.policy.logs_at(rule, Stage::ResponseComplete);
        // What goes on for long is logged when it begins, too.
        let started = is_long(request) && self.policy.logs_at(rule, Stage::ResponseStarted);
        if complete || started { level } else { Level::None }
    }
}

/// A bit for each verb that a request can have.
fn bit(verb: &str) -> u32 {
    let at = VERBS.iter().chain(&METHODS).position(|one| *one == verb);
    at.map_or(0, |at| 1 << at)
}

/// Those that a rule asks for.
fn verbs(rule: &Rule) -> u32 {
    if rule.verbs.is_empty() { u32::MAX } else { rule.verbs.iter().fold(0, |bits, verb| bits | bit(verb)) }
}

/// Whether a request has a ResponseStarted of its own (`genericapirequest.BasicLongRunningRequestCheck` with what
/// kube-apiserver gives it: `watch` and `proxy`, `attach`, `exec`, `log`, `portforward`).
fn is_long(request: &Request<'_>) -> bool {
    let Thing::Object { subresource, .. } = &*request.thing else { return false };
    request.verb == "watch"
        || ["attach", "exec", "log", "portforward", "proxy"].contains(&subresource.as_str())
}

/// The names that a rule asks for of a thing; none where it is about others.
fn fits<'r>(rule: &'r Rule, thing: &Thing) -> Option<&'r [String]> {
    let for_objects = !rule.resources.is_empty() || !rule.namespaces.is_empty();
    match thing {
        Thing::Url(_) if for_objects => None,
        Thing::Url(path) => {
            let any = rule.urls.is_empty() || rule.urls.iter().any(|url| fits_path(url, path));
            any.then_some(&[][..])
        }
        Thing::Object { .. } if !for_objects => rule.urls.is_empty().then_some(&[][..]),
        Thing::Object { .. } if rule.resources.is_empty() => Some(&[]),
        thing => {
            let mut lines = rule.resources.iter().filter(|of| fits_thing(of, thing)).map(named_names);
            let first = lines.next()?;
            // Where one of the lines asks for no name, the rule fits any.
            Some(if lines.any(<[String]>::is_empty) { &[] } else { first })
        }
    }
}

fn scope<'r>(rule: &'r Rule, names: &[String]) -> Scope<'r> {
    if !rule.users.is_empty() {
        Scope::Users(&rule.users)
    } else if !rule.groups.is_empty() {
        Scope::Groups(&rule.groups)
    } else if !rule.namespaces.is_empty() || !names.is_empty() {
        Scope::There
    } else {
        Scope::Everybody
    }
}

/// The names that a line asks for. Without resources it is not asked for names.
fn named_names(of: &Resources) -> &[String] {
    if of.resources.is_empty() { &[] } else { &of.names }
}

fn fits_thing(of: &Resources, thing: &Thing) -> bool {
    let Thing::Object { group, resource, subresource } = thing else { return false };
    let in_group = of.group == *group || of.group == "*";
    in_group
        && (of.resources.is_empty() || of.resources.iter().any(|r| fits_resource(r, resource, subresource)))
}

/// What a policy names and no detection does.
fn named(policy: &Policy, needs: &Needs) -> BTreeSet<Thing> {
    let known: BTreeSet<&Thing> = needs.shapes().iter().map(|shape| &*shape.thing).collect();
    let group =
        |thing: &&Thing| if let Thing::Object { group, .. } = thing { Some(group.clone()) } else { None };
    let groups: BTreeSet<String> = known.iter().filter_map(group).collect();
    let mut named = BTreeSet::new();
    for rule in &policy.rules {
        for of in &rule.resources {
            let plain = of.resources.iter().filter(|name| !name.contains('*'));
            let things = plain.map(|name| {
                let (resource, subresource) = name.split_once('/').unwrap_or((name, ""));
                Thing::object(&of.group, resource, subresource)
            });
            named.extend(things);
            if !groups.contains(&of.group) {
                named.insert(Thing::object(&of.group, OTHER, ""));
            }
        }
        let paths = rule.urls.iter().map(|url| url.trim_end_matches('*'));
        named.extend(paths.filter(|path| path.starts_with('/')).map(|path| Thing::Url(path.to_owned())));
    }
    named.retain(|thing| !known.contains(thing));
    named
}
