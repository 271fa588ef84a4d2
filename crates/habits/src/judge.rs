//! What of a request is new for its identity, and how much that weighs.
//!
//! | New | Workload | Node | Controller | Person |
//! |---|---|---|---|---|
//! | client (a tool for any request) | 2 (3) | 2 (3) | 2 (3) | 2 |
//! | far network | 2 | 2 | 2 | 1 |
//! | request (one that gives power) | 2 (3) | 2 (3) | – | 1 |
//! | namespace | 2 | – | – | – |
//! | Secret | 4 | – | – | 1 |
//! | list of Secrets (of one namespace) | 4 | 4 | – | 4 (1) |
//! | pod, or what makes pods | 4 | – | – | – |
//! | refusal (alone) | 1 (2) | 1 (2) | – | – |
//!
//! The weights of one request are added: 2 is low, 4 medium, 6 high. 1 is nothing alone, and neither are many of 1: people
//! roam. What many identities take up at once, and a range that is home to several workloads, weighs 1.

use sundew_audit::Severity;

use crate::{
    Class, Seen,
    cluster::Cluster,
    entry::{Aspect, Entry, FRESH},
    facets::{Facets, What, makes_pods},
    identity::Identity,
    names::{Name, Names},
    verb::Verb,
};

/// In how many of a hundred minutes people may do something new, and be asked why they list all Secrets.
const RESTLESS_PEOPLE: u64 = 50;
/// In how many different minutes somebody was in a namespace who is at home there.
const AT_HOME: u8 = 10;
/// How many Secrets somebody reads to whom one more is no great news.
const MANY_SECRETS: usize = 8;

/// One thing that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct New {
    pub(crate) kind: Kind,
    /// How much it weighs: 1 is nothing alone, 2 is low, 4 is medium, 6 is high.
    pub(crate) weight: u8,
}

/// What is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Secrets,
    Secret,
    Pod,
    Request,
    Client,
    Network,
    Namespace,
    Refused,
}

impl Kind {
    /// The finding's rule where nothing else of weight is new.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::Client => "habits.new_client",
            Self::Network => "habits.new_network",
            Self::Request => "habits.new_request",
            Self::Namespace => "habits.new_namespace",
            Self::Secret => "habits.new_secret",
            Self::Secrets => "habits.secrets_listed",
            Self::Pod => "habits.pod_made",
            Self::Refused => "habits.refused",
        }
    }

    /// The technique of ATT&CK.
    pub(crate) fn attack(self) -> &'static str {
        match self {
            Self::Client | Self::Network | Self::Request | Self::Namespace => "T1078.004",
            Self::Secret | Self::Secrets => "T1552.007",
            Self::Pod => "T1610",
            Self::Refused => "T1613",
        }
    }
}

/// All that is new about one request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// The heaviest first.
    pub(crate) all: Vec<New>,
    /// Which habits are new, in the order of [`Aspect::ALL`].
    pub(crate) fresh: [bool; Aspect::COUNT],
    /// Whether anybody may make such a request, without a name even.
    pub(crate) open: bool,
}

impl News {
    /// How bad it is; none where it is not worth telling.
    pub(crate) fn severity(&self) -> Option<Severity> {
        if self.all.iter().all(|new| new.weight < 2) {
            return None;
        }
        Some(match self.all.iter().map(|new| new.weight).sum::<u8>() {
            _ if self.open => Severity::Low,
            ..4 => Severity::Low,
            4 | 5 => Severity::Medium,
            _ => Severity::High,
        })
    }

    /// The rule that it is told under.
    pub(crate) fn rule(&self) -> &'static str {
        match &self.all[..] {
            [first, second, ..] if first.weight >= 2 && second.weight >= 2 => "habits.several",
            [first, ..] => first.kind.rule(),
            [] => "habits.several",
        }
    }

    fn add(&mut self, kind: Kind, weight: u8) {
        if weight > 0 {
            self.all.push(New { kind, weight });
        }
    }

    fn mark(&mut self, aspect: Aspect) {
        self.fresh[aspect as usize] = true;
    }
}

/// What a judgement is made from.
pub(crate) struct Judge<'j> {
    pub(crate) identity: &'j Identity,
    pub(crate) cluster: &'j Cluster,
    pub(crate) names: &'j Names,
    pub(crate) seen: &'j Seen<'j>,
    pub(crate) facets: &'j Facets,
    pub(crate) time: u32,
}

impl Judge<'_> {
    /// What is new about the request, for somebody who is known.
    pub(crate) fn news(&self) -> News {
        let mut news = News { open: self.facets.what == What::Open, ..News::default() };
        if self.is_new(Aspect::Client) {
            news.mark(Aspect::Client);
            let scripted = self.facets.tool && self.identity.class != Class::Human;
            news.add(Kind::Client, self.unless_trend(Aspect::Client, if scripted { 3 } else { 2 }));
        }
        if self.is_new(Aspect::Range) {
            news.mark(Aspect::Range);
            news.add(Kind::Network, self.network_weight());
        }
        if self.identity.class != Class::Controller {
            self.add_request(&mut news);
        }
        news.all.sort_by(|a, b| b.weight.cmp(&a.weight).then(a.kind.cmp(&b.kind)));
        news
    }

    /// Whether the request has a habit of this kind that its identity did not have, and rarely gets.
    fn is_new(&self, aspect: Aspect) -> bool {
        let Some(key) = &self.facets.keys[aspect as usize] else { return false };
        match self.identity.find(key) {
            Some(entry) => entry.is_fresh(self.time),
            None => self.identity.is_steady(aspect, self.time),
        }
    }

    /// People travel. A pod can be moved to a node whose pods have a range of their own.
    fn network_weight(&self) -> u8 {
        let key = self.facets.keys[Aspect::Range as usize];
        let range = key.and_then(|key| Entry::new(key, 0, false).network());
        let of_pods = range.is_some_and(|range| self.cluster.is_shared(range));
        if self.identity.class == Class::Human || of_pods { 1 } else { self.unless_trend(Aspect::Range, 2) }
    }

    /// What is new for many is little news of one.
    fn unless_trend(&self, aspect: Aspect, weight: u8) -> u8 {
        let key = self.facets.keys[aspect as usize];
        if self.cluster.is_trend(key, self.time) { weight.min(1) } else { weight }
    }

    fn add_request(&self, news: &mut News) {
        let human = self.identity.class == Class::Human;
        let found = self.request();
        if let Some((kind, weight)) = found {
            news.mark(if kind == Kind::Secret { Aspect::Secret } else { Aspect::Request });
            news.add(kind, weight);
        }
        if self.identity.class == Class::Workload
            && !matches!(found, Some((Kind::Secret | Kind::Secrets | Kind::Pod, 2..)))
            && let Some(of_aspect) = self.namespace()
        {
            if of_aspect {
                news.mark(Aspect::Namespace);
            }
            news.add(Kind::Namespace, 2);
        }
        if self.facets.refused && !human && self.never_refused() {
            let alone = news.all.iter().all(|new| new.weight < 2);
            let alone = alone && !self.cluster.is_trend(None, self.time);
            news.add(Kind::Refused, if alone { 2 } else { 1 });
        }
    }

    /// What is new about verb, resource and Secret.
    fn request(&self) -> Option<(Kind, u8)> {
        let human = self.identity.class == Class::Human;
        match self.facets.what {
            What::Usual | What::Open => None,
            What::Secret => self.secret().map(|weight| (Kind::Secret, if human { 1 } else { weight })),
            What::Secrets => {
                let weight = if human && !self.facets.everywhere() { 1 } else { 4 };
                self.lists_new_secrets().then_some((Kind::Secrets, weight))
            }
            What::Pod if self.identity.class == Class::Workload && !self.makes_pods() => {
                self.is_unseen().then_some((Kind::Pod, 4))
            }
            What::Grave if !human => {
                (self.is_unseen() && self.implied_by().is_none()).then_some((Kind::Request, 3))
            }
            _ => {
                let weight = if human { 1 } else { self.unless_trend(Aspect::Request, 2) };
                (self.is_new(Aspect::Request) && self.implied_by().is_none())
                    .then_some((Kind::Request, weight))
            }
        }
    }

    /// Whether the request is none that its identity makes. What gives power is told also of somebody who takes up
    /// something new now and then.
    fn is_unseen(&self) -> bool {
        let key = self.facets.keys[Aspect::Request as usize].as_ref();
        match key.and_then(|key| self.identity.find(key)) {
            Some(entry) => entry.is_fresh(self.time),
            None => self.identity.is_settled(Aspect::Request, self.time),
        }
    }

    /// The habit that makes this request ordinary although it was never made: who lists may watch and get, who updates
    /// may patch. A lease is taken by whoever leads, in every way there is.
    fn implied_by(&self) -> Option<&Entry> {
        let verb = self.facets.verb;
        let lease = self.seen.resource == "leases.coordination.k8s.io";
        self.identity.of(Aspect::Request).find(|entry| {
            let wide_enough = entry.variant() || !self.facets.everywhere();
            let implies = match entry.verb {
                Verb::LIST | Verb::WATCH => verb.reads(),
                Verb::UPDATE | Verb::PATCH => matches!(verb, Verb::UPDATE | Verb::PATCH),
                _ => false,
            };
            let same = entry.name() == self.facets.resource && !entry.is_fresh(self.time);
            same && wide_enough && (implies || lease)
        })
    }

    /// How much it weighs that this Secret was never read.
    fn secret(&self) -> Option<u8> {
        self.facets.keys[Aspect::Secret as usize]?;
        if !self.is_new(Aspect::Secret) || self.is_young() {
            return None;
        }
        if self.lists_secrets() {
            return Some(1);
        }
        let known = self.identity.of(Aspect::Secret).filter(|entry| !entry.is_fresh(self.time));
        let many = known.count() >= MANY_SECRETS;
        let writes = self.identity.of(Aspect::Request).any(|entry| {
            !entry.verb.reads() && !entry.is_fresh(self.time) && self.names.text(entry.name()) == "secrets"
        });
        // Who makes Secrets reads what it made, and who reads many is given more.
        Some(if many || writes { 2 } else { 4 })
    }

    /// Whether Secrets are listed where its identity never listed them.
    fn lists_new_secrets(&self) -> bool {
        if self.lists_secrets() {
            return false;
        }
        let key = self.facets.keys[Aspect::Request as usize].as_ref();
        match key.and_then(|key| self.identity.find(key)) {
            // It is a habit, but of other namespaces.
            Some(entry) => entry.is_fresh(self.time) || self.identity.is_steady(Aspect::Namespace, self.time),
            // People do new things all the time, but this is rarely one of them.
            None if self.identity.class == Class::Human => {
                self.identity.restless(Aspect::Request, self.time) <= RESTLESS_PEOPLE
            }
            None => self.identity.is_settled(Aspect::Request, self.time),
        }
    }

    /// Whether its identity lists or watches the Secrets of this place anyway.
    fn lists_secrets(&self) -> bool {
        self.identity.of(Aspect::Request).any(|entry| {
            entry.verb.lists()
                && entry.name() == self.facets.resource
                && !entry.is_fresh(self.time)
                && (entry.variant() || !self.facets.everywhere() && self.covers(entry))
        })
    }

    /// Whether a request in namespaces is made in this one too, as far as that is known.
    fn covers(&self, entry: &Entry) -> bool {
        let place = entry.namespace();
        place == self.facets.namespace || place == Name::MANY || self.is_young()
    }

    /// Whether its identity makes pods, or anything that makes them.
    fn makes_pods(&self) -> bool {
        self.identity.of(Aspect::Request).any(|entry| {
            entry.verb == Verb::CREATE
                && !entry.is_fresh(self.time)
                && makes_pods(self.names.text(entry.name()))
        })
    }

    /// Whether the request is in a namespace where its identity does not act; whether it never did, or does there what
    /// it did in one other only.
    fn namespace(&self) -> Option<bool> {
        let facets = self.facets;
        if facets.everywhere() || matches!(facets.what, What::Usual | What::Open) {
            return None;
        }
        let never = self.is_new(Aspect::Namespace);
        let key = facets.keys[Aspect::Request as usize].as_ref()?;
        let usual = self.identity.find(key).filter(|entry| !entry.is_fresh(self.time));
        if !never && usual.is_some_and(|entry| self.covers(entry)) || self.is_young() {
            return None;
        }
        let implied = self.implied_by();
        if implied.is_some_and(Entry::variant) {
            return None;
        }
        if never {
            return Some(true);
        }
        let mut places = usual.into_iter().chain(implied).peekable();
        let moved = places.peek().is_some() && places.all(|entry| !self.covers(entry));
        (moved && self.identity.is_steady(Aspect::Namespace, self.time)).then_some(false)
    }

    /// Whether the namespace was just made and its identity is not at home there yet: then whatever it does there first
    /// is no surprise.
    fn is_young(&self) -> bool {
        let home = |entry: &Entry| entry.marks >= AT_HOME || self.time.abs_diff(entry.first) > FRESH;
        let key = self.facets.keys[Aspect::Namespace as usize].as_ref();
        self.cluster.is_young(&self.seen.namespace, self.time)
            && !key.and_then(|key| self.identity.find(key)).is_some_and(home)
    }

    fn never_refused(&self) -> bool {
        let spell = self.identity.spell_at(self.time).is_some_and(|spell| spell.refused);
        spell || self.identity.refused == 0 && self.identity.is_steady(Aspect::Request, self.time)
    }
}
