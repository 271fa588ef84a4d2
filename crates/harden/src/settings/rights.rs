//! What everybody may do: with no credential, with any, with any account's, with a default account's.

use sundew_posture::{
    Severity,
    model::{Binding, Subject},
    rbac::{ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED},
    report::{Finding, View},
};

use super::{Fact, Seen, State, steps};
use crate::{shell::FileNames, spared::Spared};

/// Who everybody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Stranger,
    Known,
    Account,
}

/// The group of all accounts.
const ACCOUNTS: &str = "system:serviceaccounts";
/// The group of all accounts of a namespace begins so.
const OF_NAMESPACE: &str = "system:serviceaccounts:";
/// The most users that are named of whom a binding served.
const MOST_NAMED: usize = 20;
/// In the order in which rights are taken away.
const ALL: [Who; 3] = [Who::Stranger, Who::Known, Who::Account];

impl Who {
    fn of(subject: &Subject) -> Option<Self> {
        Some(match subject {
            Subject::User(name) if &**name == ANONYMOUS => Self::Stranger,
            Subject::Group(name) => match &**name {
                UNAUTHENTICATED => Self::Stranger,
                AUTHENTICATED => Self::Known,
                name if name == ACCOUNTS || name.starts_with(OF_NAMESPACE) => Self::Account,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn id(self) -> &'static str {
        match self {
            Self::Stranger => "rights-of-anybody",
            Self::Known => "rights-of-the-known",
            Self::Account => "rights-of-accounts",
        }
    }

    /// Who it is, in words.
    fn words(self) -> &'static str {
        match self {
            Self::Stranger => "without a credential",
            Self::Known => "with any credential",
            Self::Account => "with the token of any account, or of any of a namespace",
        }
    }

    fn least(self) -> Severity {
        if self == Self::Stranger { Severity::High } else { Severity::Medium }
    }
}

/// Whether a subject of this name is everybody.
pub(super) fn is_everybody(name: &str) -> bool {
    [ANONYMOUS, UNAUTHENTICATED, AUTHENTICATED, ACCOUNTS].contains(&name) || name.starts_with(OF_NAMESPACE)
}

pub(super) fn facts(seen: &Seen<'_>) -> Vec<Fact> {
    let mut names = FileNames::default();
    let mut facts: Vec<Fact> = ALL.into_iter().map(|who| fact(seen, who, &mut names)).collect();
    facts.push(default_accounts(seen));
    facts
}

const HOW: &str =
    "let this account list clusterrolebindings and rolebindings, or give --from a dump that has them";

/// Whether bindings may be missing: what they would give is not taken as nothing.
fn is_blind(seen: &Seen<'_>) -> bool {
    seen.cluster.lacks("clusterrolebindings") || seen.cluster.lacks("rolebindings")
}

fn fact(seen: &Seen<'_>, who: Who, names: &mut FileNames) -> Fact {
    let title = format!("Nothing is given to everybody {} beyond what Kubernetes gives", who.words());
    let mut fact = Fact::good(who.id(), title);
    let mut worst: Option<Severity> = None;
    for binding in &seen.cluster.bindings {
        for (index, subject) in binding.subjects.iter().enumerate().filter(|(_, of)| Who::of(of) == Some(who))
        {
            let gives = format!("{binding} gives {} to {subject}", binding.role.name);
            if is_kubernetes(seen, binding) {
                fact.evidence.push(format!("{gives}, as Kubernetes does"));
                continue;
            }
            let found = finding(seen, binding, subject);
            // What the accounts of one namespace share is worth a word only where it is a risk.
            if found.is_none() && subject.name().starts_with(OF_NAMESPACE) {
                continue;
            }
            let severity = found.map_or_else(|| who.least(), |found| found.severity.max(who.least()));
            worst = worst.max(Some(severity));
            let what = found.and_then(|found| found.because.first()).map(|because| because.what.clone());
            let what = what.map_or(String::new(), |what| format!(": {what}"));
            fact.evidence.insert(0, format!("{gives}{what}"));
            // RBAC lets names have characters that no command should be pasted with.
            if ![&binding.meta.name, &binding.meta.namespace].iter().any(|of| of.contains(char::is_control)) {
                let step = steps::unbind(binding, subject, &left(binding, who, index), names);
                fact.commands.extend(step.apply.clone());
                let to_whom = format!("It gives {} to {}.", binding.role.name, to_whom(subject));
                fact.steps.push(steps::left_to_the_operator(step, [to_whom, rests(seen, binding, subject)]));
            }
        }
    }
    if !seen.cluster.whole {
        fact.evidence.push(
            "of what was read alone, which has no roles of Kubernetes' own: it is not all of a cluster"
                .into(),
        );
    }
    let Some(severity) = worst else {
        if is_blind(seen) {
            let title = format!("What everybody may do {} could not be seen", who.words());
            return Fact::unknown(who.id(), title, HOW).seen(fact.evidence);
        }
        return fact;
    };
    fact.state = State::Bad { severity };
    fact.title = format!("Everybody {} has rights beyond what Kubernetes gives", who.words());
    fact.fix =
        "Name the users, groups or accounts that need it instead, and take the group out of the binding"
            .into();
    fact
}

/// Who a subject is, in words.
fn to_whom(subject: &Subject) -> String {
    match (Who::of(subject), subject.name().strip_prefix(OF_NAMESPACE)) {
        (_, Some(namespace)) => format!("every account of namespace {namespace}"),
        (Some(Who::Account), None) => "every account of every namespace".to_owned(),
        (Some(Who::Known), None) => "everybody with any credential".to_owned(),
        _ => "everybody, without a credential".to_owned(),
    }
}

/// Who rests on a binding, as far as it is known, in sentences.
fn rests(seen: &Seen<'_>, binding: &Binding, subject: &Subject) -> String {
    let Some(heard) = &seen.heard else {
        return "Who rests on it is not known: --logs names those whom it served.".to_owned();
    };
    let spared = Spared::of(seen.decoys);
    let served = heard.served(binding, subject);
    let named = |(user, _): &&(&str, u64)| !spared.subject(&Subject::User((*user).into()));
    let users: Vec<String> =
        served.users.iter().filter(named).map(|(user, n)| format!("{user} ({n})")).collect();
    let span = heard.span();
    let more = match users.len().saturating_sub(MOST_NAMED) {
        0 if served.more => ", and there may be more: the logs name more users than are remembered",
        0 => "",
        _ => ", and others",
    };
    if users.is_empty() {
        return format!(
            "The audit logs of {span} name nobody whom it served{more}. Who rests on it at other times is not known."
        );
    }
    format!(
        "In the audit logs of {span} it served, with so many requests: {}{more}. Who rests on it at other times is not \
         known.",
        users.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ")
    )
}

/// The subjects of a binding that are left when it is the turn of the one at `index`: those that are taken out before are
/// gone, in the order of [`ALL`].
fn left(binding: &Binding, who: Who, index: usize) -> Vec<usize> {
    let rank = |of: Who| ALL.iter().position(|other| *other == of);
    let turn = |at: usize| Some((rank(Who::of(binding.subjects.get(at)?)?)?, at));
    let mine = rank(who).map(|rank| (rank, index));
    (0..binding.subjects.len()).filter(|at| turn(*at).is_none() || turn(*at) >= mine).collect()
}

/// Whether Kubernetes or kubeadm made a binding, and it gives what that gives.
fn is_kubernetes(seen: &Seen<'_>, binding: &Binding) -> bool {
    let of_binding = |finding: &&Finding| finding.view == View::Everyone && is_about(finding, binding);
    match seen.report.findings.iter().find(of_binding) {
        Some(found) => found.system,
        None => binding.built_in || binding.meta.name.starts_with("kubeadm:"),
    }
}

fn is_about(finding: &Finding, binding: &Binding) -> bool {
    finding.object.kind == binding.kind()
        && finding.object.namespace == *binding.meta.namespace
        && finding.object.name == *binding.meta.name
}

/// What the scan says of a binding for everybody; of one for the accounts of a namespace, what it says of these.
fn finding<'s>(seen: &Seen<'s>, binding: &Binding, subject: &Subject) -> Option<&'s Finding> {
    let mut findings = seen.report.findings.iter();
    if subject.name().starts_with(OF_NAMESPACE) {
        let by = binding.to_string();
        return findings.find(|finding| {
            finding.view == View::Subjects
                && finding.object.kind == "Group"
                && finding.object.name == **subject.name()
                && finding.because.iter().any(|because| because.binding == by)
        });
    }
    findings.find(|finding| finding.view == View::Everyone && is_about(finding, binding))
}

/// Accounts that every pod has which asks for no other.
fn default_accounts(seen: &Seen<'_>) -> Fact {
    const ID: &str = "default-accounts";
    let is_default = |finding: &&Finding| {
        finding.view == View::Subjects
            && !finding.system
            && finding.accepted.is_none()
            && finding.object.kind == "ServiceAccount"
            && finding.object.name == "default"
    };
    let found: Vec<&Finding> = seen.report.findings.iter().filter(is_default).collect();
    let Some(worst) = found.iter().map(|finding| finding.severity).max() else {
        if is_blind(seen) {
            return Fact::unknown(ID, "Whether default accounts hold rights could not be seen", HOW);
        }
        return Fact::good(ID, "No default account holds a known risk");
    };
    let line = |finding: &&Finding| {
        let because =
            finding.because.first().map(|because| format!(" by {}", because.binding)).unwrap_or_default();
        format!("{} {}{because}", finding.object, finding.title)
    };
    let title = "Default accounts hold rights: every pod of their namespace has them that names no account of its own";
    Fact::bad(ID, worst, title).seen(found.iter().map(line)).fix(
        "Give the pods that need it an account of their own, bind the role to that, and take `default` out of the \
         binding; `sundew scan --of sa/NAMESPACE/default` lists the bindings",
    )
}
