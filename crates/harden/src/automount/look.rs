//! Each workload and account: whether its token is used, and what is to be done.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use jiff::Timestamp;
use sundew_posture::{
    assess::{HeldToken, Way, tokens_of},
    model::{Account, Str, Subject},
    rbac::{Identity, Rbac, user_of},
    report::Object,
};

use super::{
    Do, Question, Row,
    top::{Top, tops},
};
use crate::{
    evidence::{AccountUse, Window, minute},
    rbac::{Asker, Hiding, is_system_namespace},
    spared::Spared,
};

/// Everything that is looked with.
pub(super) struct Look<'q> {
    pub(super) question: &'q Question<'q>,
    pub(super) window: Window,
    pub(super) tops: Vec<Top<'q>>,
    pub(super) accounts: HashMap<(&'q str, &'q str), &'q Account>,
    rbac: Rbac<'q>,
    spared: Spared,
    hiding: Hiding,
    explicit: HashMap<*const sundew_posture::model::Workload, Vec<HeldToken>>,
    /// Whether any pod is described: where none is, it is not known which workloads run.
    pods_known: bool,
}

/// How many need nothing.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) off: usize,
    pub(super) used: usize,
}

/// What is known of one workload's token.
enum Known {
    /// It is used; the last time.
    Used(Option<Timestamp>),
    /// It may be, for a reason.
    Maybe(String),
    /// It is not, by what was seen.
    Unused,
}

impl<'q> Look<'q> {
    pub(super) fn new(question: &'q Question<'q>, window: Window) -> Self {
        let cluster = question.cluster;
        let left_out = question.evidence.map(|e| e.coverage.left_out().collect()).unwrap_or_default();
        Self {
            question,
            window,
            tops: tops(cluster),
            accounts: cluster
                .accounts
                .iter()
                .map(|account| ((&*account.meta.namespace, &*account.meta.name), account))
                .collect(),
            rbac: Rbac::new(cluster),
            spared: Spared::of(question.decoys),
            hiding: Hiding::of(question.policy, left_out),
            explicit: tokens_of(cluster)
                .into_iter()
                .map(|(w, tokens)| (std::ptr::from_ref(w), tokens))
                .collect(),
            pods_known: cluster.workloads.iter().any(|w| w.kind == sundew_posture::model::WorkloadKind::Pod),
        }
    }

    /// What is to be done with each, in the order of the plan.
    pub(super) fn rows(&self) -> (Vec<Row>, Counts) {
        let mut counts = Counts::default();
        let mut by_account: BTreeMap<(Str, Str), Vec<(&Top<'q>, Known)>> = BTreeMap::new();
        for top in &self.tops {
            let (Some(spec), Some(meta)) = (top.spec(), top.meta()) else { continue };
            let namespace = &meta.namespace;
            let is_bait =
                top.own.into_iter().chain(top.parts.iter().copied()).any(|w| self.spared.workload(w));
            if is_bait || !self.is_asked(namespace) {
                continue;
            }
            if !self.automounts(top) {
                counts.off += 1;
                continue;
            }
            let known = self.known(top, namespace, &spec.account);
            by_account.entry((namespace.clone(), spec.account.clone())).or_default().push((top, known));
        }
        for account in self.accounts.values().filter(|account| &*account.meta.name == "default") {
            let (namespace, name) = (&account.meta.namespace, &account.meta.name);
            if self.is_asked(namespace) && !self.spared.account(namespace, name) {
                by_account.entry((namespace.clone(), name.clone())).or_default();
            }
        }
        let mut rows = Vec::new();
        for ((namespace, name), tops) in by_account {
            self.account(&namespace, &name, tops, &mut rows, &mut counts);
        }
        // Workloads one by one, then accounts, those that nobody chose first.
        rows.sort_by_key(|row| {
            let named = row.account.name != "default";
            let step = match row.step {
                Do::PatchAccount | Do::WithAccount => 1,
                Do::PatchWorkload => 0,
                other => 2 + other as u8,
            };
            (step, named, row.account.namespace.clone(), row.account.name.clone(), row.workload.is_some())
        });
        (rows, counts)
    }

    /// What a row is about.
    pub(super) fn top(&self, workload: &Object) -> Option<&Top<'q>> {
        // They are sorted by kind, namespace and name.
        let of = (&workload.kind, &workload.namespace, &workload.name);
        let at = self.tops.binary_search_by(|top| (&top.key.0, &top.key.1, &top.key.2).cmp(&of)).ok()?;
        self.tops.get(at)
    }

    fn is_asked(&self, namespace: &str) -> bool {
        let asked = self.question.namespaces;
        asked.is_empty() || asked.iter().any(|of| of == namespace)
    }

    /// Whether a namespace was asked for by its name.
    fn is_named(&self, namespace: &str) -> bool {
        self.question.namespaces.iter().any(|of| of == namespace)
    }

    /// Whether Kubernetes mounts a token into its pods by itself: the pod's word goes before the account's.
    fn automounts(&self, top: &Top<'_>) -> bool {
        let (Some(spec), Some(meta)) = (top.spec(), top.meta()) else { return false };
        let account = self.accounts.get(&(&*meta.namespace, &*spec.account));
        spec.automount.or_else(|| account.and_then(|account| account.automount)).unwrap_or(true)
    }

    /// Tokens that its pods ask for by a volume of their own.
    pub(super) fn own_tokens(&self, top: &Top<'_>) -> Vec<&HeldToken> {
        let parts = top.own.into_iter().chain(top.parts.first().copied());
        let tokens = parts.filter_map(|part| self.explicit.get(&std::ptr::from_ref(part)));
        let tokens = tokens.flatten().filter(|token| matches!(token.way, Way::Projected { .. }));
        tokens.collect()
    }

    fn used(&self, namespace: &str, account: &str) -> Option<&'q AccountUse> {
        self.question.evidence.and_then(|evidence| evidence.pods.of(namespace, account))
    }

    /// Whether the token of a workload is used.
    fn known(&self, top: &Top<'_>, namespace: &str, account: &str) -> Known {
        let by_habit = self.question.habits.and_then(|habits| habits.last.get(&user_of(namespace, account)));
        let Some(evidence) = self.question.evidence else {
            return by_habit.map_or(Known::Unused, |last| Known::Used(Some(*last)));
        };
        let Some(used) = self.used(namespace, account) else {
            if evidence.pods.overflowed() {
                return Known::Maybe("there were more accounts in the logs than are remembered".to_owned());
            }
            if let Some(last) = by_habit {
                return Known::Maybe(format!("its account's habits know a use at {} UTC", minute(*last)));
            }
            return self.unseen(namespace, account);
        };
        let its = used
            .pods
            .iter()
            .filter(|(pod, _)| top.names(pod) || top.pods().any(|own| *own.meta.name == ***pod));
        let (count, last) = its.fold((0_usize, None), |(count, last): (_, Option<Timestamp>), (_, time)| {
            (count + 1, last.max(*time))
        });
        if count > 0 {
            return Known::Used(last);
        }
        if used.more_pods {
            return Known::Maybe("its account was used by more pods than are remembered".to_owned());
        }
        if !evidence.pods.names_pods() && used.last.is_some() {
            return Known::Used(used.last);
        }
        if !used.shown_to.is_empty() {
            let servers: Vec<&str> = used.shown_to.iter().map(|server| &**server).collect();
            return Known::Maybe(format!("a token of its account was shown to {}", servers.join(", ")));
        }
        self.unseen(namespace, account)
    }

    /// Of an account that no event names: whether what it does may be left out of the logs.
    fn unseen(&self, namespace: &str, account: &str) -> Known {
        let who = Identity::account(namespace, account);
        let asker = Asker { who: &who, is_whole: true };
        let cluster = self.question.cluster;
        for binding in self.rbac.own_bindings(&who) {
            let Some(role) = self.rbac.role_of(binding) else { continue };
            let place = &cluster.bindings[binding].meta.namespace;
            for rule in cluster.roles[role].rules.iter() {
                if self.asks_kubelets() && rule.resources.iter().any(|of| of.starts_with("nodes/")) {
                    return Known::Maybe(
                        "its account may ask kubelets, and the logs do not say who did".to_owned(),
                    );
                }
                if let Some((_, hidden)) = self.hiding.of_rule(&asker, place, rule).first() {
                    let what = sundew_posture::usage::rule_in_words(hidden);
                    return Known::Maybe(format!(
                        "it may have used its right to {what}, which the logs leave out"
                    ));
                }
            }
        }
        Known::Unused
    }

    /// Whether somebody asked kubelets directly and it is not known who, or that cannot be seen.
    fn asks_kubelets(&self) -> bool {
        self.question.evidence.is_some_and(|evidence| {
            let reviews = evidence.coverage.reviews();
            reviews.untold_by_kubelets > 0 || reviews.told_by_kubelets == 0
        })
    }

    /// What is to be done with the workloads of an account, and with the account.
    fn account(
        &self,
        namespace: &Str,
        name: &Str,
        tops: Vec<(&Top<'q>, Known)>,
        rows: &mut Vec<Row>,
        counts: &mut Counts,
    ) {
        let object = object("ServiceAccount", namespace, name);
        let account = self.accounts.get(&(&**namespace, &**name));
        let mut found: Vec<Row> = Vec::new();
        let is_empty = tops.is_empty();
        for (top, known) in tops {
            let row = |step, last, why| Row {
                account: object.clone(),
                workload: Some(workload(top)),
                last,
                step,
                why,
            };
            found.push(match known {
                Known::Used(last) => {
                    counts.used += 1;
                    row(Do::Uses, last, Vec::new())
                }
                Known::Maybe(why) => row(Do::Leave, None, vec![why]),
                Known::Unused => {
                    let (step, why) = self.step(top);
                    row(step, None, why)
                }
            });
        }
        let last = self.used(namespace, name).and_then(|used| used.last);
        let quiet = found.iter().all(|row| matches!(row.step, Do::PatchWorkload | Do::Recreate));
        let by_habit = self.question.habits.is_some_and(|h| h.last.contains_key(&user_of(namespace, name)));
        let account = account.filter(|account| account.automount != Some(false));
        if let Some(account) = account.filter(|_| quiet && !by_habit && last.is_none()) {
            self.whole(account, object, is_empty, &mut found);
        }
        rows.extend(found);
    }

    /// An account that nothing uses: what hangs on it alone follows from it.
    fn whole(&self, account: &Account, object: Object, is_empty: bool, found: &mut Vec<Row>) {
        let (namespace, name) = (&account.meta.namespace, &account.meta.name);
        if is_empty && is_system_namespace(namespace) && !self.is_named(namespace) {
            return;
        }
        let mut why = vec![if is_empty {
            "no workload runs as it".to_owned()
        } else {
            "none of its pods used the API".to_owned()
        }];
        let young = account.meta.created.filter(|created| *created > self.window.from);
        let step = if is_system_namespace(namespace) && !self.is_named(namespace) {
            why.push(format!(
                "the cluster stands on what runs in {namespace}; ask for it with -n {namespace}"
            ));
            Do::Leave
        } else if let Some(created) = young {
            why.push(format!("it was made at {} UTC, within the window", minute(created)));
            Do::Leave
        } else {
            Do::PatchAccount
        };
        if let Some(cloud) = &account.cloud {
            why.push(format!("its identity {cloud} of the cloud comes by a token of its own, which stays"));
        }
        if let Some(keeper) = &account.meta.keeper {
            why.push(format!("{keeper} keeps the account as it is: change it there, or it is changed back"));
        }
        let bound =
            self.rbac.bindings_of(&Subject::Account { namespace: namespace.clone(), name: name.clone() });
        if bound.is_empty() {
            why.push("no binding names it".to_owned());
        }
        if step == Do::PatchAccount {
            for row in found.iter_mut() {
                let top = row.workload.as_ref().and_then(|workload| self.top(workload));
                // What says yes for itself does not ask the account.
                if top.and_then(Top::spec).is_some_and(|spec| spec.automount.is_none()) {
                    row.step = Do::WithAccount;
                }
            }
        }
        found.push(Row { account: object, workload: None, last: None, step, why });
    }

    /// What is to be done with a workload that does not use its token.
    fn step(&self, top: &Top<'_>) -> (Do, Vec<String>) {
        let (kind, namespace, _) = &top.key;
        let mut why = vec!["its pods did not use the API".to_owned()];
        let leave = |reason: String| (Do::Leave, vec![reason]);
        if is_system_namespace(namespace) && !self.is_named(namespace) {
            return leave(format!(
                "the cluster stands on what runs in {namespace}; ask for it with -n {namespace}"
            ));
        }
        if kind == "Node" {
            return leave("it is a static pod, which holds no token of an account".to_owned());
        }
        if kind == "DaemonSet" && !self.is_named(namespace) {
            return leave(format!("it runs on every node; ask for it with -n {namespace}"));
        }
        if let Some(created) = top.own.and_then(|own| own.meta.created).filter(|at| *at > self.window.from) {
            return leave(format!("it was made at {} UTC, within the window", minute(created)));
        }
        let ran = top.parts.iter().any(|part| part.meta.created.is_none_or(|at| at <= self.window.to));
        if kind == "CronJob" && !ran {
            return leave("it is not known whether it ran within the window".to_owned());
        }
        if kind != "Pod" && kind != "CronJob" && self.pods_known && top.pods().next().is_none() {
            return leave("no pod of it runs, so nothing is known of what it does".to_owned());
        }
        if !self.pods_known {
            why.push("whether it runs is not known, since no pods were read".to_owned());
        }
        for token in self.own_tokens(top) {
            let Way::Projected { audience, .. } = &token.way else { continue };
            let whom = audience.as_deref().unwrap_or("the API server");
            why.push(format!("it mounts a token for {whom} by a volume of its own, which stays"));
        }
        if let Some(keeper) = top.own.and_then(|own| own.meta.keeper.as_ref()) {
            why.push(format!("{keeper} keeps it as it is: change it there, or it is changed back"));
        }
        let step = match kind.as_str() {
            "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "ReplicationController"
            | "CronJob"
                if top.own.is_some() =>
            {
                Do::PatchWorkload
            }
            "Pod" => {
                why.push("the setting of a pod cannot be changed".to_owned());
                Do::Recreate
            }
            "Job" => {
                why.push("the template of a Job cannot be changed".to_owned());
                Do::Recreate
            }
            other => return leave(format!("its {other} was not read; make the change there")),
        };
        (step, why)
    }
}

fn workload(top: &Top<'_>) -> Object {
    let (kind, namespace, name) = &top.key;
    object(kind, namespace, name)
}

fn object(kind: &str, namespace: &str, name: &str) -> Object {
    Object {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        place: String::new(),
        created: None,
    }
}
