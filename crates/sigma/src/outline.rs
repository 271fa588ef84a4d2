//! What a rule could say of a request of which only the outline is known: so what a rule needs of an audit policy follows
//! from the rule itself.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use ipnet::IpNet;

use crate::{
    AuditLevel, RuleId, RuleSet,
    condition::Test,
    field::{Body, Field, Place, Reckoned, Slot, Whole, kind_of, value::Scalar},
    matcher::{Guess, Known, Truth},
};

/// What is known of a request before it is made: all that an audit policy decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline<'o> {
    /// Who authenticated.
    pub who: Who<'o>,
    /// The verb; none where it can be any.
    pub verb: Option<&'o str>,
    /// What it is about; none where that can be anything.
    pub about: Option<About<'o>>,
    /// The stage of the event; none where it can be any but RequestReceived.
    pub stage: Option<&'o str>,
    /// The level at which the event is logged, and so which bodies it can have.
    pub level: AuditLevel,
    /// Whether the request's body is left out of that, as it can say less than the answer: a patch has a part of what it
    /// changes.
    pub answer_alone: bool,
    /// The answer's code; none where it can be any.
    pub code: Option<u16>,
}

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'o> {
    /// Anybody, or nobody.
    Anybody,
    /// Nobody: the credential was refused.
    Nobody,
    /// The user of this name.
    Named(&'o str),
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'o> {
    /// Objects.
    Resource {
        /// The API group; the core group is empty.
        group: Word<'o>,
        /// The resource.
        resource: Word<'o>,
        /// The subresource; empty for the resource itself.
        subresource: &'o str,
        /// The namespace, empty for none; none where it can be any.
        namespace: Option<&'o str>,
        /// The object's name, empty for none; none where it can be any.
        name: Option<&'o str>,
        /// Whether such an object can hold a pod's spec that counts.
        holds_pods: bool,
    },
    /// A path that is no resource, without its query.
    Url(Word<'o>),
}

/// A word of an outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'o> {
    /// This one.
    Is(&'o str),
    /// One that no rule names as a whole, as the resources of somebody's own.
    Unnamed,
}

/// What a rule could say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Possible {
    /// No such event meets it.
    No,
    /// Some may.
    Maybe,
    /// All do.
    Yes,
}

/// The words that a rule names, for or against, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// API groups.
    pub groups: BTreeSet<String>,
    /// Resources.
    pub resources: BTreeSet<String>,
    /// Subresources.
    pub subresources: BTreeSet<String>,
    /// Paths, whole or in part.
    pub paths: BTreeSet<String>,
}

impl RuleSet {
    /// Whether an event of this outline can meet `rule`. A correlation can be met by what its parts can be met by.
    pub fn possible(&self, rule: RuleId, outline: &Outline<'_>) -> Possible {
        let known = Outlined::of(outline);
        let truth = |test: &Test| test.truth(&|field| known.guess(field));
        let truth = match self.test(rule) {
            Some(test) => truth(test),
            // Of several events, none of which says by itself that it is met.
            None => {
                let parts = self.parts(rule);
                let tests = parts.into_iter().filter_map(|part| self.test(part));
                tests.map(truth).max().unwrap_or(Truth::No).min(Truth::Maybe)
            }
        };
        match truth {
            Truth::No => Possible::No,
            Truth::Maybe => Possible::Maybe,
            Truth::Yes => Possible::Yes,
        }
    }

    /// What rules tell of somebody by name alone: of two who are told alike, [`RuleSet::possible`] says the same of all
    /// that is otherwise the same.
    pub fn told_of(&self, who: Who<'_>) -> u64 {
        let outline = Outline {
            who,
            verb: None,
            about: None,
            stage: None,
            level: AuditLevel::Metadata,
            answer_alone: false,
            code: None,
        };
        let known = Outlined::of(&outline);
        let mut hasher = DefaultHasher::new();
        (known.account.is_some(), std::mem::discriminant(&who)).hash(&mut hasher);
        for test in self.tests() {
            test.fields(&mut |field, check| {
                let by_name = matches!(
                    field.place,
                    Place::Text(Slot::Username)
                        | Place::Reckoned(
                            Reckoned::ActorKind | Reckoned::ActorNamespace | Reckoned::ActorName
                        )
                );
                if let (true, Some(check), Some(guess)) = (by_name, check, known.guess(field)) {
                    (check.truth(guess) as u8).hash(&mut hasher);
                }
            });
        }
        hasher.finish()
    }

    /// The detections that a correlation counts, through other correlations as well; the detection itself for one.
    pub fn parts(&self, rule: RuleId) -> Vec<RuleId> {
        let mut parts = BTreeSet::new();
        let (mut open, mut seen) = (vec![rule], BTreeSet::new());
        while let Some(rule) = open.pop() {
            if !seen.insert(rule) {
                continue;
            }
            if self.test(rule).is_some() {
                parts.insert(rule);
            } else {
                open.extend(self.plan().counted_by(rule));
            }
        }
        parts.into_iter().collect()
    }

    /// The words that a detection names; none for a correlation.
    pub fn words(&self, rule: RuleId) -> Words {
        let mut words = Words::default();
        let Some(test) = self.test(rule) else { return words };
        test.fields(&mut |field, check| {
            let Some(check) = check else { return };
            let into = match field.place {
                Place::Text(Slot::ApiGroup) => &mut words.groups,
                Place::Text(Slot::Resource) => &mut words.resources,
                Place::Text(Slot::Subresource) => &mut words.subresources,
                Place::Reckoned(Reckoned::Path) | Place::Text(Slot::RequestUri) => &mut words.paths,
                _ => return,
            };
            let mut take = |text: Cow<'_, str>| {
                into.insert(text.into_owned());
            };
            check.texts(&mut take);
            if matches!(field.place, Place::Reckoned(Reckoned::Path)) {
                check.needles(&mut take);
            }
        });
        words
    }

    fn test(&self, rule: RuleId) -> Option<&Test> {
        self.tests().get(rule.0 as usize)
    }
}

/// An outline, in the lower case in which texts are compared.
struct Outlined<'o> {
    of: &'o Outline<'o>,
    verb: String,
    group: String,
    resource: String,
    subresource: String,
    namespace: Option<String>,
    name: Option<String>,
    url: String,
    stage: String,
    user: String,
    /// Namespace and name of the user's account; none where that is no ServiceAccount.
    account: Option<(String, String)>,
    level: String,
}

impl<'o> Outlined<'o> {
    fn of(of: &'o Outline<'o>) -> Self {
        let lower =
            |word: Word<'_>| if let Word::Is(word) = word { word.to_lowercase() } else { String::new() };
        let user = if let Who::Named(user) = of.who { user } else { "" };
        let mut all = Self {
            of,
            verb: of.verb.unwrap_or_default().to_lowercase(),
            group: String::new(),
            resource: String::new(),
            subresource: String::new(),
            namespace: None,
            name: None,
            url: String::new(),
            stage: of.stage.unwrap_or_default().to_lowercase(),
            user: user.to_lowercase(),
            account: user
                .strip_prefix("system:serviceaccount:")
                .and_then(|account| account.split_once(':'))
                .map(|(namespace, name)| (namespace.to_lowercase(), name.to_lowercase())),
            level: of.level.as_str().to_lowercase(),
        };
        match of.about {
            Some(About::Resource { group, resource, subresource, namespace, name, .. }) => {
                (all.group, all.resource) = (lower(group), lower(resource));
                all.subresource = subresource.to_lowercase();
                all.namespace = namespace.map(str::to_lowercase);
                all.name = name.map(str::to_lowercase);
            }
            Some(About::Url(url)) => all.url = lower(url),
            None => {}
        }
        all
    }

    /// What is known of a field; none where nothing is.
    fn guess(&self, field: &Field) -> Option<Guess<'_>> {
        match &field.place {
            Place::Text(slot) => self.text(*slot),
            Place::Code | Place::Reckoned(Reckoned::Allowed) | Place::Whole(Whole::ResponseStatus)
                if self.of.stage == Some("RequestReceived") =>
            {
                Some(Guess::Absent)
            }
            Place::Code => self.of.code.map(|code| Guess::Scalar(Scalar::Int(code.into()))),
            Place::Reckoned(Reckoned::Allowed) => {
                self.of.code.map(|code| Guess::Scalar(Scalar::Bool(code < 400)))
            }
            Place::Body(Body::Request | Body::Sent, _) => absent_unless(self.has_request()),
            Place::Pod(_) => absent_unless(self.has_request() && self.holds_pods()),
            Place::Body(Body::Response, _) => absent_unless(self.has_response()),
            Place::Reckoned(Reckoned::ActorKind) => match self.of.who {
                Who::Anybody => None,
                Who::Nobody => Some(Guess::Text(kind_of("").as_str())),
                Who::Named(user) => Some(Guess::Text(kind_of(user).as_str())),
            },
            Place::Reckoned(what @ (Reckoned::ActorNamespace | Reckoned::ActorName)) => {
                if self.of.who == Who::Anybody {
                    return None;
                }
                let Some((namespace, name)) = &self.account else { return Some(Guess::Absent) };
                Some(Guess::Text(if *what == Reckoned::ActorName { name } else { namespace }))
            }
            Place::Reckoned(Reckoned::Path) => match self.of.about {
                Some(About::Url(Word::Is(_))) => Some(Guess::Text(&self.url)),
                _ => None,
            },
            Place::Texts(..) | Place::Extra(..) if self.of.who == Who::Nobody && !is_peer(field) => {
                Some(Guess::Absent)
            }
            Place::Whole(Whole::ObjectRef) => match self.of.about {
                Some(About::Url(_)) => Some(Guess::Absent),
                Some(About::Resource { .. }) => Some(Guess::Other(&Unnamed)),
                None => None,
            },
            _ => None,
        }
    }

    fn text(&self, slot: Slot) -> Option<Guess<'_>> {
        let said = |text| Some(if str::is_empty(text) { Guess::Absent } else { Guess::Text(text) });
        match slot {
            Slot::Verb => self.of.verb.and_then(|_| said(&self.verb)),
            Slot::Stage => self.of.stage.and_then(|_| said(&self.stage)),
            Slot::Level => said(&self.level),
            Slot::Username if self.of.who != Who::Anybody => said(&self.user),
            Slot::Resource
            | Slot::ApiGroup
            | Slot::Subresource
            | Slot::Namespace
            | Slot::Name
            | Slot::ObjectUid
            | Slot::ObjectApiVersion
            | Slot::ResourceVersion => self.object(slot),
            _ => None,
        }
    }

    fn object(&self, slot: Slot) -> Option<Guess<'_>> {
        let said = |text| if str::is_empty(text) { Guess::Absent } else { Guess::Text(text) };
        let word = |word, text| if word == Word::Unnamed { Guess::Other(&Unnamed) } else { said(text) };
        let About::Resource { group, resource, .. } = self.of.about? else { return Some(Guess::Absent) };
        match slot {
            Slot::Resource => Some(word(resource, &self.resource)),
            Slot::ApiGroup => Some(word(group, &self.group)),
            Slot::Subresource => Some(said(&self.subresource)),
            Slot::Namespace => self.namespace.as_deref().map(said),
            Slot::Name => self.name.as_deref().map(said),
            _ => None,
        }
    }

    /// Whether the request's body can be in the log. What only reads sends none, and what is connected through is no
    /// object (`k8s.io/apiserver/pkg/endpoints/handlers`: `LogRequestObject` of create, update, patch, delete).
    fn has_request(&self) -> bool {
        let sent = !matches!(self.of.verb, Some("get" | "list" | "watch"));
        self.of.level >= AuditLevel::Request && !self.of.answer_alone && sent && self.is_of_objects()
    }

    /// Whether the answer's body can be in the log: a watch has none.
    fn has_response(&self) -> bool {
        self.of.level >= AuditLevel::RequestResponse && self.of.verb != Some("watch") && self.is_of_objects()
    }

    fn holds_pods(&self) -> bool {
        !matches!(self.of.about, Some(About::Resource { holds_pods: false, .. }))
    }

    fn is_of_objects(&self) -> bool {
        let connects = matches!(self.subresource.as_str(), "exec" | "attach" | "portforward" | "proxy");
        !connects && !matches!(self.of.about, Some(About::Url(_)))
    }
}

fn absent_unless(possible: bool) -> Option<Guess<'static>> {
    (!possible).then_some(Guess::Absent)
}

/// Whether a field is about the connection and not about the user.
fn is_peer(field: &Field) -> bool {
    matches!(field.place, Place::Texts(crate::field::Texts::SourceIps, _))
}

/// A word that is none of those that rules name, and may contain any.
struct Unnamed;

impl Known for Unnamed {
    fn text(&self, _: &str) -> bool {
        true
    }

    fn needle(&self, _: &str) -> bool {
        false
    }

    fn net(&self, _: &IpNet) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
