//! One identity: whether it is looked at, what it would keep, and what it would lose.

use std::collections::BTreeMap;

use sundew_posture::{
    model::{Binding, Meta, Role, Rule, Str, Subject},
    rbac::{Identity, Target, account_of},
    report::Object,
    usage::{Least, Margin, Purpose, least},
};

use super::{
    Kept, Left, Look, Narrowed,
    atoms::{Placed, apart, is_held, together},
    change::{Change, Names},
    hidden::Asker,
    lost::{in_place, lost, placed},
};
use crate::evidence::minute;

const HIDDEN: &str = "the audit policy may have kept its use out of the logs";
const LEFT_OUT: &str = "the logs hold no request about it by anybody, as if the audit policy left it out";

const PARAMETERS: &str = "it writes admission policies, and may need to read what these take parameters from";

/// Of somebody who holds nothing else that could be taken.
const YOUNG: &str = "what it could lose was given within the window";
/// Of somebody who was asked for and is not looked at: bait, or Kubernetes' own.
const UNTOUCHED: &str = "it stays as it is";
/// Of somebody who touched bait. Says nothing of what it was: the report may be passed on.
const INCIDENTS: &str = "it is left to you: look at the incidents of this time first";

/// Users that are first seen later than this part of the window are left alone.
const LATE_PART: i32 = 10;

/// What came of looking at an identity.
pub(super) enum Judged {
    /// It is nobody's business: bait, or Kubernetes' own.
    Passed,
    /// It has nothing that it does not need.
    Tight,
    /// It is left alone.
    Left(Left),
    /// It would lose something.
    Narrowed(Box<(Narrowed, Change)>),
}

/// Whether Kubernetes itself made a binding, or names it as its own.
pub(super) fn is_systems(binding: &Binding) -> bool {
    binding.built_in || binding.meta.name.starts_with("system:")
}

/// Namespaces whose workloads the cluster stands on.
pub(crate) fn is_system_namespace(namespace: &str) -> bool {
    namespace.starts_with("kube-") || namespace == "openshift" || namespace.starts_with("openshift-")
}

/// A binding of an identity, with its rules.
pub(super) struct Bound<'c> {
    index: usize,
    pub(super) binding: &'c Binding,
    pub(super) role: &'c Role,
    /// Whether the identity can be taken out of it.
    is_ours: bool,
    /// Whether it or its role was made within the window: what it is for may not have been done yet.
    is_young: bool,
}

impl Bound<'_> {
    pub(super) fn placed(&self) -> impl Iterator<Item = Placed> + '_ {
        self.role.rules.iter().map(|rule| (self.binding.meta.namespace.clone(), rule.clone()))
    }
}

impl<'l> Look<'l> {
    /// Whether a subject is among those that were asked for.
    pub(super) fn is_asked(&self, subject: &Subject) -> bool {
        let (subjects, namespaces) = (self.settings.subjects, self.settings.namespaces);
        let named = subjects.is_empty() || subjects.contains(subject);
        named
            && (namespaces.is_empty() || namespaces.iter().any(|namespace| namespace == subject.namespace()))
    }

    /// Looks at one identity.
    pub(super) fn judge(&self, subject: &Subject, names: &mut Names) -> Judged {
        let who = Identity::of(subject);
        let is_kubernetes_own = match subject {
            Subject::Group(_) => true,
            Subject::User(user) => user.starts_with("system:"),
            Subject::Account { namespace, .. } => namespace.is_empty(),
        };
        let left = |why: String| Judged::Left(Left { subject: object(subject), why });
        // Whoever asks for one by name is told that nothing comes of it, and no more.
        let is_named = self.settings.subjects.contains(subject);
        let passed = || if is_named { left(UNTOUCHED.to_owned()) } else { Judged::Passed };
        if is_kubernetes_own || self.spared.subject(subject) {
            return passed();
        }
        let bound = self.bound(&who);
        if !bound.iter().any(|bound| bound.is_ours || bound.is_young) {
            return passed();
        }
        let margin = self.settings.margin;
        let Some(mut enough) = least(self.rbac, &self.evidence.usage, subject, margin, Purpose::Take) else {
            return passed();
        };
        if let Some(why) = self.leave(subject, &enough) {
            return left(why);
        }
        if let Some(why) = self.meets_bait(&who, &bound) {
            return left(why.to_owned());
        }
        if !bound.iter().any(|bound| bound.is_ours) {
            return left(YOUNG.to_owned());
        }
        let kept = self.keep(subject, &who, &bound, &mut enough);
        enough.tidy();
        let stays = settle(&bound, &mut enough);
        let Some(lost) = lost(&bound, &stays, &enough) else {
            let has_young = bound.iter().any(|bound| bound.is_young);
            return if has_young { left(YOUNG.to_owned()) } else { Judged::Tight };
        };
        let name = names.free(subject, &enough.rules());
        let make = enough.objects(subject, &name);
        let gone = || bound.iter().zip(&stays).filter(|(_, stays)| !**stays).map(|(bound, _)| bound);
        let used = enough.needed.values().filter(|used| **used).count();
        let narrowed = Narrowed {
            subject: object(subject),
            requests: enough.requests,
            rules_used: used,
            rules: enough.needed.len(),
            notes: self.notes_on(subject, &enough, &bound, gone().map(|bound| bound.binding)),
            loses: lost,
            keeps: kept,
            out_of: gone().map(|bound| bound.binding.to_string()).collect(),
            given: make.iter().map(|(role, _)| role.to_string()).collect(),
        };
        let take = gone().map(|bound| bound.index).collect();
        let with_bait = gone().filter(|bound| self.spared.binding(bound.binding));
        let quiet = with_bait.map(|bound| bound.index).collect();
        Judged::Narrowed(Box::new((narrowed, Change { subject: subject.clone(), who, make, take, quiet })))
    }

    /// The bindings that name an identity itself.
    fn bound(&self, who: &Identity) -> Vec<Bound<'l>> {
        let cluster = self.rbac.cluster();
        let bindings = self.rbac.own_bindings(who).into_iter().filter_map(|index| {
            let (binding, role) = (&cluster.bindings[index], &cluster.roles[self.rbac.role_of(index)?]);
            let is_bait = self.spared.object(binding.kind(), &binding.meta);
            let is_after = |meta: &Meta| meta.created.is_some_and(|at| at > self.window.from);
            let may_go = !is_systems(binding) && !is_bait;
            let is_young = may_go && (is_after(&binding.meta) || is_after(&role.meta));
            Some(Bound { index, binding, role, is_ours: may_go && !is_young, is_young })
        });
        bindings.collect()
    }

    /// Why an identity is left alone, if it is.
    fn leave(&self, subject: &Subject, enough: &Least) -> Option<String> {
        let namespace = subject.namespace();
        if is_system_namespace(namespace)
            && self.settings.namespaces.is_empty()
            && !self.settings.subjects.contains(subject)
        {
            return Some(format!(
                "the cluster stands on what runs in {namespace}; ask for it with -n {namespace}"
            ));
        }
        if enough.is_incomplete {
            return Some("it did more different things than are remembered, so none is called unused".into());
        }
        if enough.hands_out {
            return Some(
                "it makes roles or bindings, and may only hand out what it holds itself: any right may be needed".into(),
            );
        }
        let account = self.account(subject);
        if let Some(created) = account.and_then(|meta| meta.created).filter(|at| *at > self.window.from) {
            return Some(format!("it was made at {} UTC, within the window", minute(created)));
        }
        let seen = self.evidence.usage.seen(Identity::of(subject).name());
        // Of users, and of accounts that the cluster does not show, nobody says since when they are there.
        let late = self.window.from + self.window.to.duration_since(self.window.from) / LATE_PART;
        let is_dated = account.is_some_and(|meta| meta.created.is_some());
        if let Some(seen) = seen.filter(|seen| !is_dated && seen.first > late) {
            return Some(format!("it was first seen at {} UTC, within the window", minute(seen.first)));
        }
        let is_silent = seen.is_none();
        if let Some(name) = self.cron(subject).filter(|_| is_silent) {
            return Some(format!("CronJob {name} runs as it, and did nothing within the window"));
        }
        None
    }

    /// Why what an identity did or holds is not written down: it has to do with bait.
    fn meets_bait(&self, who: &Identity, bound: &[Bound<'_>]) -> Option<&'static str> {
        let usage = &self.evidence.usage;
        let touched = usage.did(who.name(), &mut |request| self.spared.is_touched(request))
            // One of the names that are not remembered may have been it.
            || usage.did_with_more(who.name(), &mut |request| self.spared.is_among(request));
        if touched && self.spared.is_walker(who.name()) {
            return Some("it walks every namespace by duty, as the inventory says");
        }
        let names = |bound: &Bound<'_>| {
            bound.is_ours && bound.placed().any(|(place, rule)| self.spared.is_in_rule(&place, &rule))
        };
        (touched || bound.iter().any(names)).then_some(INCIDENTS)
    }

    /// Whether it writes admission policies or their bindings: then the API server asks whether it may read what they
    /// take parameters from (`pkg/registry/admissionregistration`, `authorize`).
    fn writes_policies(&self, who: &Identity) -> bool {
        self.evidence.usage.did(who.name(), &mut |request| {
            let writes = matches!(request.verb, "create" | "update" | "patch");
            let Target::Resource { group, resource, .. } = request.target else { return false };
            let is_policy =
                ["admissionpolicies", "admissionpolicybindings"].iter().any(|of| resource.ends_with(of));
            writes && group == "admissionregistration.k8s.io" && is_policy
        })
    }

    fn account(&self, subject: &Subject) -> Option<&'l Meta> {
        self.accounts.get(&(subject.namespace(), &**subject.name())).copied()
    }

    /// A CronJob that runs as an account.
    fn cron(&self, subject: &Subject) -> Option<&'l str> {
        self.crons.get(&(subject.namespace(), &**subject.name())).copied()
    }

    /// Leaves what may have been used unseen, and says what that is.
    fn keep(&self, subject: &Subject, who: &Identity, bound: &[Bound<'_>], enough: &mut Least) -> Vec<Kept> {
        let asker = Asker { who, is_whole: matches!(subject, Subject::Account { .. }) };
        let before: Vec<Placed> = placed(&enough.rules());
        let mut kept: BTreeMap<(Str, &'static str), Vec<Rule>> = BTreeMap::new();
        let writes_policies = self.writes_policies(who);
        for bound in bound {
            for (namespace, rule) in bound.placed() {
                let parameters = writes_policies.then(|| reading(&rule)).into_iter().flatten();
                let parameters = parameters.map(|rule| ((namespace.clone(), rule), PARAMETERS));
                let elsewhere = self.elsewhere.of_rule(&namespace, &rule);
                let elsewhere = elsewhere.into_iter().map(|(rule, why)| ((namespace.clone(), rule), why));
                let hidden = self.hiding.of_rule(&asker, &namespace, &rule);
                let why = if self.hiding.is_given { HIDDEN } else { LEFT_OUT };
                let hidden = hidden.into_iter().map(|placed| (placed, why));
                for ((place, rule), why) in elsewhere.chain(parameters).chain(hidden) {
                    enough.keep(&place, &rule);
                    let mut new = apart(&rule);
                    new.retain(|atom| !is_held(before.iter(), &place, atom));
                    kept.entry((place, why)).or_default().extend(new);
                }
            }
        }
        let said = kept.into_iter().flat_map(|((place, why), atoms)| {
            let rules = together(atoms).into_iter();
            rules.map(move |rule| Kept { what: in_place(&rule, &place), why: why.to_owned() })
        });
        let mut said: Vec<Kept> = said.collect();
        said.sort_unstable();
        said.dedup();
        said
    }

    fn notes_on<'b>(
        &self,
        subject: &Subject,
        enough: &Least,
        bound: &[Bound<'_>],
        gone: impl Iterator<Item = &'b Binding>,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        let seen = self.evidence.usage.seen(Identity::of(subject).name());
        match seen {
            None => notes.push("it asked the API server for nothing".to_owned()),
            Some(seen) if seen.first > self.window.from => {
                notes.push(format!("it was first seen at {} UTC, within the window", minute(seen.first)));
            }
            Some(_) => {}
        }
        for young in bound.iter().filter(|bound| bound.is_young) {
            let binding = young.binding;
            notes.push(format!("{binding} or its role was made within the window: it stays as it is"));
        }
        if let Some(name) = self.cron(subject) {
            notes.push(format!(
                "CronJob {name} runs as it: what it does more seldom than the window is not seen"
            ));
        }
        let is_gone = self.account(subject).is_none()
            && !subject.namespace().is_empty()
            && !self.rbac.cluster().accounts.is_empty()
            && !self.rbac.cluster().lacks("serviceaccounts");
        if is_gone {
            notes.push("there is no such account: whoever makes one has these rights".to_owned());
        }
        let (mut was_wide, mut keepers) = (false, Vec::new());
        for binding in gone {
            was_wide |= binding.cluster;
            keepers.extend(binding.meta.keeper.as_ref().map(|keeper| format!("{keeper} keeps {binding}")));
        }
        let rules = enough.rules();
        let places: Vec<&str> = rules.keys().filter(|place| !place.is_empty()).map(String::as_str).collect();
        if was_wide && !places.is_empty() {
            notes.push(format!(
                "some of what it may do everywhere it may then do in {} only: a new namespace needs a binding of its own",
                places.join(", ")
            ));
        }
        for keeper in keepers {
            notes.push(format!("{keeper} as it is: change it there, or it is changed back"));
        }
        if self.settings.margin == Margin::None {
            notes.push(
                "nothing but what it did is left: it may not make again what is deleted some day".to_owned(),
            );
        }
        notes
    }
}

/// Decides which bindings stay: those of which everything is needed, and those that are not ours to change. What they
/// hold is taken out of what is enough.
fn settle(bound: &[Bound<'_>], enough: &mut Least) -> Vec<bool> {
    let all = placed(&enough.rules());
    let needed = |bound: &Bound<'_>| {
        let mut rules = bound.role.rules.iter().flat_map(apart);
        // A role that grants nothing is needed by nobody.
        !bound.role.rules.is_empty()
            && rules.all(|atom| is_held(all.iter(), &bound.binding.meta.namespace, &atom))
    };
    let stays: Vec<bool> = bound.iter().map(|bound| !bound.is_ours || needed(bound)).collect();
    let held: Vec<Placed> =
        bound.iter().zip(&stays).filter(|(_, stays)| **stays).flat_map(|(bound, _)| bound.placed()).collect();
    enough.retain(&mut |namespace, rule| !is_held(held.iter(), namespace, rule));
    stays
}

/// What of a rule is reading.
fn reading(rule: &Rule) -> Vec<Rule> {
    let mut found = Vec::new();
    for atom in apart(rule).into_iter().filter(|atom| atom.urls.is_empty()) {
        match atom.verbs.first().map(|verb| &**verb) {
            Some("get" | "list" | "watch") => found.push(atom),
            Some("*") => {
                found.push(Rule { verbs: vec!["get".into(), "list".into(), "watch".into()], ..atom });
            }
            _ => {}
        }
    }
    found
}

/// An account that is bound by its user name as the account that it is.
pub(super) fn plain(subject: &Subject) -> Subject {
    match subject {
        Subject::User(user) => account_of(user).map_or_else(
            || subject.clone(),
            |(namespace, name)| Subject::Account { namespace: namespace.into(), name: name.into() },
        ),
        _ => subject.clone(),
    }
}

fn object(subject: &Subject) -> Object {
    Object {
        kind: subject.kind().to_owned(),
        namespace: subject.namespace().to_owned(),
        name: subject.name().to_string(),
        place: String::new(),
        created: None,
    }
}
