//! Which detections a policy blinds, by which of its rules, and what to do.
//!
//! Each kind of request is walked through the policy's rules in order, up to the first that decides for everybody. Rules
//! before that which ask for a user, a group, a namespace or a name decide for those only, and are held against what
//! detections need of those.

mod bits;
mod say;
mod walk;

use hashbrown::HashMap;

use self::{
    bits::Bits,
    say::{Saying, holds_decoys},
    walk::{Request, Scope, Step, Walker},
};
use crate::{
    generate::withheld_of,
    lint::{Remark, sort},
    model::{Level, Policy, Stage},
    need::{
        Ask, Needs,
        who::{ANONYMOUS, ANY_NODE, By, NODES, kind},
    },
};

/// What a policy blinds. Not among it are bodies that are credentials, or that no policy can name.
pub fn blind(policy: &Policy, needs: &Needs) -> Vec<Remark> {
    let walker = Walker::new(policy, needs);
    let mut faults = Faults { needs, of_nobody: of_nobody(needs), found: HashMap::new() };
    for (at, request) in walker.requests().iter().enumerate() {
        let missing = faults.missing(request);
        for step in walker.steps(request) {
            faults.step(at, request, &step, &missing);
        }
        let (rule, level) = walker.step_of_nobody(request);
        if level < Level::Metadata {
            // Said once where it is so for all rules.
            let rule = rule.filter(|_| !policy.omit_stages.contains(&Stage::ResponseStarted));
            let fault = Fault { rule, level: Level::None, needed: Level::Metadata, whom: Whom::Nobody };
            let asks = needs.asks(request.shape).iter();
            asks.filter(|ask| faults.of_nobody.contains(ask.detection))
                .for_each(|ask| faults.found.entry(fault).or_default().add(at, ask));
        }
    }
    let saying = Saying { policy, needs, requests: walker.requests() };
    let mut remarks = saying.remarks(&merged(faults.found));
    sort(&mut remarks);
    remarks
}

/// That a rule logs less than is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Fault<'p> {
    /// The rule, counted from 0; none where none fits.
    rule: Option<usize>,
    /// What reaches the log.
    level: Level,
    /// What is needed.
    needed: Level,
    /// Of whose requests.
    whom: Whom<'p>,
}

/// Of whose requests too little is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Whom<'p> {
    Everybody,
    User(&'p str),
    Group(&'p str),
    There,
    Nobody,
}

/// What one fault blinds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Blinded {
    detections: Bits,
    requests: Bits,
}

impl Blinded {
    fn add(&mut self, request: usize, ask: &Ask) {
        self.requests.insert(request);
        self.detections.insert(ask.detection);
    }
}

/// The detections that are about 401s.
fn of_nobody(needs: &Needs) -> Bits {
    let mut bits = Bits::default();
    (0..needs.detections().len()).filter(|at| needs.is_about_nobody(*at)).for_each(|at| bits.insert(at));
    bits
}

struct Faults<'p> {
    needs: &'p Needs,
    of_nobody: Bits,
    found: HashMap<Fault<'p>, Blinded>,
}

impl<'p> Faults<'p> {
    /// What is needed of a request, but for what nobody gets.
    fn missing(&self, request: &Request<'_>) -> Vec<Ask> {
        self.needs.asks(request.shape).iter().filter(|ask| self.counts(request, ask)).copied().collect()
    }

    fn counts(&self, request: &Request<'_>, ask: &Ask) -> bool {
        !self.of_nobody.contains(ask.detection)
            && withheld_of(self.needs, request.shape, ask.level, ask.anywhere).is_none()
    }

    /// Notes what does not see a request where this step decides on it. `asks` are those of everybody.
    fn step(&mut self, at: usize, request: &Request<'_>, step: &Step<'p>, asks: &[Ask]) {
        if !asks.iter().any(|ask| ask.level > step.level) {
            return;
        }
        match step.scope {
            Scope::Everybody => self.add(at, step, Whom::Everybody, asks),
            Scope::There => self.add(at, step, Whom::There, asks),
            Scope::Users(users) => {
                for user in users {
                    let asks = self.asks_of(user, request, step);
                    self.add(at, step, Whom::User(user), &asks);
                }
            }
            Scope::Groups(groups) => {
                for group in groups {
                    let own = member(group).map(|user| self.asks_of(&user, request, step));
                    self.add(at, step, Whom::Group(group), own.as_deref().unwrap_or(asks));
                }
            }
        }
    }

    fn add(&mut self, at: usize, step: &Step<'_>, whom: Whom<'p>, asks: &[Ask]) {
        for ask in asks.iter().filter(|ask| ask.level > step.level) {
            // Where nothing is logged, a body is the least that is missing.
            let needed = if step.level == Level::None { Level::Metadata } else { ask.level };
            let fault = Fault { rule: step.rule, level: step.level, needed, whom };
            self.found.entry(fault).or_default().add(at, ask);
        }
    }

    /// What is needed of a request where this user makes it.
    fn asks_of(&self, user: &str, request: &Request<'_>, step: &Step<'_>) -> Vec<Ask> {
        let needs = self.needs;
        let decoys = |ask: &Ask| needs.detections()[ask.detection].is_of_tripwire();
        let by = kind(user);
        // What is ordinary for the control plane and for kubelets tells nothing; what is special, all the more.
        let asks = match by {
            By::ControlPlane | By::Node => needs.special_asks_of(user, request.shape),
            _ => needs.asks_of(user, request.shape),
        };
        let of_group = user.ends_with(ANY);
        let counts = |ask: &&Ask| {
            self.counts(request, ask)
                && !match by {
                    // A kubelet may change its own node, and the control plane's own objects are no decoys.
                    By::Node => is_own_node(user, step.names),
                    By::ControlPlane => !step.names.is_empty() && decoys(ask),
                    // Who is named here is no decoy.
                    By::Account => !of_group && ask.anywhere && decoys(ask),
                    _ => false,
                }
        };
        asks.iter().filter(counts).copied().collect()
    }
}

fn is_own_node(user: &str, names: &[String]) -> bool {
    !names.is_empty() && names.iter().all(|name| user.strip_prefix("system:node:") == Some(name))
}

/// What stands for any name.
const ANY: &str = "_any";

/// A name that stands for who is in a group; none where anybody is.
fn member(group: &str) -> Option<String> {
    match group {
        NODES => Some(ANY_NODE.to_owned()),
        "system:authenticated" => None,
        "system:unauthenticated" => Some(ANONYMOUS.to_owned()),
        "system:serviceaccounts" => Some(format!("system:serviceaccount:{ANY}:{ANY}")),
        _ => match group.strip_prefix("system:serviceaccounts:") {
            Some(namespace) => Some(format!("system:serviceaccount:{namespace}:{ANY}")),
            None => Some(ANY.to_owned()),
        },
    }
}

/// Faults in order, each with all users of whom the same is true.
fn merged<'p>(found: HashMap<Fault<'p>, Blinded>) -> Vec<(Fault<'p>, Vec<&'p str>, Blinded)> {
    let mut faults: Vec<_> = found.into_iter().collect();
    faults.sort_by_key(|(fault, _)| *fault);
    let mut merged: Vec<(Fault<'p>, Vec<&'p str>, Blinded)> = Vec::new();
    for (fault, blinded) in faults {
        let user = if let Whom::User(user) = fault.whom { Some(user) } else { None };
        let same = merged.iter_mut().rev().take_while(|(other, ..)| other.rule == fault.rule).find(
            |(other, _, of)| {
                let alike = (other.level, other.needed) == (fault.level, fault.needed);
                alike && matches!(other.whom, Whom::User(_)) && *of == blinded
            },
        );
        match (same, user) {
            (Some((_, users, _)), Some(user)) => users.push(user),
            _ => merged.push((fault, user.into_iter().collect(), blinded)),
        }
    }
    merged
}

/// The detections that a policy blinds, for everybody or for decoys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unseen {
    /// Those that see nothing of what they are about.
    pub wholly: Vec<String>,
    /// Those that see a part of what is asked for.
    pub partly: Vec<String>,
    /// How many there are besides that are about who asks, whatever for, and see a part of their requests.
    pub of_who: usize,
}

/// The detections that a policy blinds, for everybody or for decoys, by their names.
pub fn unseen(policy: &Policy, needs: &Needs) -> Unseen {
    let walker = Walker::new(policy, needs);
    let of_nobody = of_nobody(needs);
    // Of each detection how many kinds of requests it is about, how many of those are not seen, and how many of these are
    // not about who asks alone.
    let mut counts = vec![(0u32, 0u32, 0u32); needs.detections().len()];
    for request in walker.requests() {
        let for_all = |step: &Step<'_>| match step.scope {
            Scope::Everybody => true,
            Scope::Groups(groups) => groups.iter().any(|group| holds_decoys(group)),
            Scope::Users(_) | Scope::There => false,
        };
        let steps = walker.steps(request);
        let least = steps.iter().filter(|step| for_all(step)).map(|step| step.level).min();
        let (_, nobody) = walker.step_of_nobody(request);
        for ask in needs.asks(request.shape) {
            if withheld_of(needs, request.shape, ask.level, ask.anywhere).is_some() {
                continue;
            }
            let level = if of_nobody.contains(ask.detection) { nobody } else { least.unwrap_or(Level::None) };
            let (about, blind, special) = &mut counts[ask.detection];
            *about += 1;
            *blind += u32::from(level < ask.level);
            *special += u32::from(level < ask.level && !ask.anywhere);
        }
    }
    let mut unseen = Unseen::default();
    for (detection, (about, blind, special)) in needs.detections().iter().zip(counts) {
        match (blind, special) {
            (0, _) => {}
            (all, _) if all == about => unseen.wholly.push(detection.name.clone()),
            (_, 0) => unseen.of_who += 1,
            _ => unseen.partly.push(detection.name.clone()),
        }
    }
    unseen.wholly.sort();
    unseen.partly.sort();
    unseen
}
