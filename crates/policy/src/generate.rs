//! An audit policy with which every wanted detection sees what it needs, at the least volume.
//!
//! ```text
//! None      what the control plane and the kubelets do all day, by their names; what --quiet names
//! Metadata  what holds credentials
//! Metadata  bodies that controllers copy from what others wrote
//! RequestResponse, Request  bodies that a detection reads
//! Metadata  watches, once; everything else
//! ```

mod bodies;
mod group;
mod ordinary;
pub mod quiet;

use std::collections::BTreeMap;

pub use quiet::{Names, Quiet, Quieted};

use crate::{
    model::{Level, Policy, Resources, Rule, Stage},
    need::{Needs, shapes::Thing},
};

/// What is logged at Metadata whatever asks for more: the bodies are credentials. API group, resource, subresource.
pub const CREDENTIALS: [(&str, &str, &str); 8] = [
    ("", "secrets", ""),
    ("", "serviceaccounts", "token"),
    ("authentication.k8s.io", "tokenreviews", ""),
    // Where people keep them although they should not: a rule that looks for those would put them into the log.
    ("", "configmaps", ""),
    ("oauth.openshift.io", "oauthaccesstokens", ""),
    ("oauth.openshift.io", "oauthauthorizetokens", ""),
    ("oauth.openshift.io", "oauthclients", ""),
    ("oauth.openshift.io", "useroauthaccesstokens", ""),
];

/// What a policy is made for, besides its detections.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// What of this cluster's ordinary requests is left out too.
    pub quiet: Vec<Quieted>,
}

/// A detection that does not see all of what it is about, and must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The detection.
    pub name: String,
    /// Which requests it does not see: as `create secrets`.
    pub of: Vec<String>,
    /// Whether that is all it is about.
    pub wholly: bool,
    /// Why.
    pub why: Why,
}

/// Why a body is not logged although a detection reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is a credential.
    Credential,
    /// A policy cannot name the resource, as nobody knows its API group.
    Nameless,
    /// The detection would read every body there is.
    Everything,
}

/// A policy for `needs`.
pub fn generate(needs: &Needs, choice: &Choice) -> Policy {
    let mut rules = ordinary::rules(needs);
    rules.extend(quieted(&choice.quiet));
    rules.push(credentials());
    rules.extend(bodies::rules(needs));
    rules.extend(rest());
    let mut policy = Policy { omit_stages: vec![Stage::RequestReceived], omit_managed_fields: true, rules };
    if let Some(first) = policy.rules.first_mut() {
        first.comment = format!("{}\n{}", INTRODUCTION, first.comment);
    }
    policy
}

/// What this cluster's own log showed to be loud, with its price above the first.
fn quieted(quiet: &[Quieted]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = quiet.iter().map(Quieted::rule).collect();
    if let Some(first) = rules.first_mut() {
        first.comment = format!("{PRICE}\n{}", first.comment);
    }
    rules
}

/// What is said above what `--quiet` leaves out.
const PRICE: &str = "What this cluster's own log showed to be loud: steady reading by one identity each, in which no rule finds anything.\n\
The price: who steals the identity's token and repeats exactly these requests is not seen. All else that is done with\n\
it is. Learn anew when workloads change, and take out what is gone. Shares are of the log under the rules here without\n\
these.\n";

/// What stands above all rules.
const INTRODUCTION: &str = "Of the stages only RequestReceived is left out: a later one repeats it. ResponseStarted \
stays, as 401s have no other.\nThe first rule that fits decides. What is left out is left out by the names of users, or \
for nodes: never by\na group that ServiceAccounts are in.\n";

/// What is logged of a kind of request because of its body: none where Metadata is enough, or all that may be.
pub(crate) fn granted(needs: &Needs, shape: usize) -> Level {
    let asks = needs.asks(shape).iter();
    let granted = asks.filter(|ask| withheld_of(needs, shape, ask.level, ask.anywhere).is_none());
    granted.map(|ask| ask.level).max().unwrap_or(Level::Metadata)
}

/// Why a level is not given to a detection, where it is not.
pub(crate) fn withheld_of(needs: &Needs, shape: usize, level: Level, anywhere: bool) -> Option<Why> {
    let thing = &needs.shapes()[shape].thing;
    if level <= Level::Metadata {
        return None;
    }
    if is_credential(thing) {
        return Some(Why::Credential);
    }
    if thing.is_stand_in() {
        return Some(Why::Nameless);
    }
    (anywhere && !thing.is_template()).then_some(Why::Everything)
}

/// What detections do not see with any policy that is generated: to be told.
pub fn withheld(needs: &Needs) -> Vec<Withheld> {
    let mut found: BTreeMap<(usize, Why), Vec<usize>> = BTreeMap::new();
    let mut seen = vec![false; needs.detections().len()];
    for shape in 0..needs.shapes().len() {
        for ask in needs.asks(shape) {
            let got = ask.level <= granted(needs, shape);
            match withheld_of(needs, shape, ask.level, ask.anywhere).filter(|_| !got) {
                Some(why) => found.entry((ask.detection, why)).or_default().push(shape),
                None => seen[ask.detection] = true,
            }
        }
    }
    let withheld = |((detection, why), shapes): ((usize, Why), Vec<usize>)| Withheld {
        name: needs.detections()[detection].name.clone(),
        of: shapes.into_iter().map(|shape| needs.shapes()[shape].to_string()).collect(),
        wholly: !seen[detection],
        why,
    };
    found.into_iter().map(withheld).collect()
}

/// Whether bodies of a thing are credentials.
pub(crate) fn is_credential(thing: &Thing) -> bool {
    let Thing::Object { group, resource, subresource } = thing else { return false };
    CREDENTIALS.contains(&(group, resource, subresource))
}

fn credentials() -> Rule {
    Rule {
        resources: vec![
            resources("", &["secrets", "serviceaccounts/token"]),
            resources("authentication.k8s.io", &["tokenreviews"]),
        ],
        comment: "Their bodies are credentials: Metadata, and nothing more, ever.".to_owned(),
        ..Rule::new(Level::Metadata)
    }
}

fn rest() -> [Rule; 2] {
    [
        Rule {
            verbs: vec!["watch".to_owned()],
            omit_stages: vec![Stage::ResponseComplete],
            comment: "A watch is logged when it begins, with all that it is; not again when it ends.".to_owned(),
            ..Rule::new(Level::Metadata)
        },
        Rule {
            comment: "Everything else, discovery and /healthz included: a decoy's token is told of whatever it asks for."
                .to_owned(),
            ..Rule::new(Level::Metadata)
        },
    ]
}

/// Resources of a group.
fn resources(group: &str, names: &[&str]) -> Resources {
    Resources {
        group: group.to_owned(),
        resources: names.iter().map(|name| (*name).to_owned()).collect(),
        names: Vec::new(),
    }
}
