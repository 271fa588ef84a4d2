//! Tokens that live too long, that nobody uses, or that are where nobody needs them.

use hashbrown::{HashMap, HashSet};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Assessment, Check, reason};
use crate::{
    Severity,
    assess::{tokens::Way, words},
    model::{Secret, Version, VolumeKind},
    report::{Because, Finding, View},
};

const LEGACY: &str = "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#manual-secret-management-for-serviceaccounts";
const AUTOMOUNT: &str = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#opt-out-of-api-credential-automounting";

/// The version from which the API server notes the use of long-lived tokens.
const NOTES_USE: Version = Version { major: 1, minor: 28 };
/// A token that was not used for this long is taken as forgotten.
const FORGOTTEN_DAYS: i64 = 90;
/// A projected token that lives longer than this is as good as a long-lived one: a day.
const LONG_SECONDS: i64 = 86_400;

impl Assessment<'_> {
    pub(super) fn tokens(&self, found: &mut Vec<Finding>) {
        self.long_lived(found);
        self.needless(found);
        self.projected(found);
    }

    /// Secrets that pods or accounts point at, by namespace and name.
    fn referenced(&self) -> HashSet<(&str, &str)> {
        let mut seen = HashSet::new();
        for workload in &self.cluster.workloads {
            let namespace = &*workload.meta.namespace;
            for volume in &workload.spec.volumes {
                match &volume.kind {
                    VolumeKind::Secret(secret) => _ = seen.insert((namespace, &**secret)),
                    VolumeKind::Projected { secrets, .. } => {
                        seen.extend(secrets.iter().map(|s| (namespace, &**s)));
                    }
                    VolumeKind::HostPath(_) => {}
                }
            }
            let used = workload.spec.containers.iter().flat_map(|container| &container.env);
            seen.extend(used.map(|used| (namespace, &*used.secret)));
        }
        seen
    }

    fn long_lived(&self, found: &mut Vec<Finding>) {
        let referenced = self.referenced();
        let pods_known = !self.cluster.lacks("pods");
        for secret in self.cluster.secrets.iter().filter(|secret| secret.is_token()) {
            let Some(account) = &secret.account else { continue };
            let namespace = &secret.meta.namespace;
            let holder = self.scene.account(namespace, account);
            let worst =
                holder.and_then(|holder| self.risks_of(holder).first().map(|(s, held, _)| (*s, held.risk)));
            let mut because = vec![reason(format!(
                "it is good for ServiceAccount {namespace}/{account}, and does not expire"
            ))];
            because.extend(age(secret, self.now).map(reason));
            let use_ = last_use(secret, self.now, self.cluster.version);
            because.push(reason(use_.said.clone()));
            let is_referenced = referenced.contains(&(&**namespace, &*secret.meta.name));
            if !is_referenced && pods_known {
                because.push(reason("no pod uses it: whoever does is outside the cluster, or nobody does"));
            }
            let mut title = "is a token that never expires".to_owned();
            let mut rule = "token-long-lived";
            let mut severity = Severity::Low;
            if secret.invalid_since.is_some() {
                (rule, severity) = ("token-invalidated", Severity::Info);
                title = "is a token that was declared invalid, and still lies there".into();
            } else {
                if use_.never {
                    rule = "token-never-used";
                    title.push_str(" and was never used");
                } else if use_.days.is_some_and(|days| days > FORGOTTEN_DAYS) {
                    rule = "token-forgotten";
                    title.push_str(" and was not used for long");
                } else if !is_referenced && pods_known {
                    rule = "token-unreferenced";
                    title.push_str(", which no pod uses");
                }
                if let Some((worst, risk)) = worst {
                    severity = worst.min(Severity::High).max(Severity::Medium);
                    let title = &self.holdings.terms.risks()[risk].title;
                    because.push(reason(format!("its account {title}")));
                } else if use_.never || use_.days.is_some_and(|days| days > FORGOTTEN_DAYS) {
                    severity = Severity::Medium;
                }
            }
            let check = Check {
                view: View::Tokens,
                rule,
                severity,
                title,
                gives: "A copy of it works from anywhere until the Secret is deleted, and no expiry ever ends it.",
                fix: format!(
                    "Give its user a short-lived token (kubectl create token {account} -n {namespace}, or a projected volume), \
                     then label the Secret kubernetes.io/legacy-token-invalid-since, watch for its use, and delete it."
                ),
                reference: LEGACY,
                attack: &["T1528", "T1552.007"],
            };
            found.push(check.about(words::object(self.cluster, "Secret", &secret.meta), because, false));
        }
    }

    /// Accounts whose token is mounted although they have no rights of their own to use with it.
    fn needless(&self, found: &mut Vec<Finding>) {
        if self.cluster.lacks("rolebindings") || self.cluster.lacks("clusterrolebindings") {
            return;
        }
        let mut mounted: HashMap<usize, Vec<&str>> = HashMap::new();
        for running in &self.scene.running {
            let namespace = &running.workload.meta.namespace;
            if running.tokens.iter().any(|token| token.way == Way::Automounted)
                && let Some(holder) = self.scene.account(namespace, &running.workload.spec.account)
            {
                mounted.entry(holder).or_default().push(&running.top.1);
            }
        }
        for (holder, mut by) in mounted {
            let subject = &*self.scene.holders[holder].subject;
            let user = crate::rbac::Identity::of(subject);
            let bound = user.subjects().iter().any(|of| {
                !matches!(of, crate::model::Subject::Group(group) if !group.starts_with("system:serviceaccounts:"))
                    && !self.holdings.rbac.bindings_of(of).is_empty()
            });
            if bound || self.described(subject).is_some_and(|account| account.cloud.is_some()) {
                continue;
            }
            by.sort_unstable();
            by.dedup();
            let check = Check {
                view: View::Tokens,
                rule: "token-needless",
                severity: Severity::Low,
                title: "has its token mounted, and no rights to use it for".into(),
                gives: "A stolen copy still gets whoever has it past the API server's door, as everybody who is known.",
                fix: format!(
                    "kubectl patch serviceaccount {} -n {} -p '{{\"automountServiceAccountToken\": false}}'",
                    subject.name(),
                    subject.namespace()
                ),
                reference: AUTOMOUNT,
                attack: &["T1528"],
            };
            let because = vec![
                reason(format!("mounted by {}", words::listed(&by, 4))),
                reason("no binding names the account"),
            ];
            found.push(check.about(self.subject(subject), because, false));
        }
    }

    /// Projected tokens that live longer than they need, or are for somebody else than the API server.
    fn projected(&self, found: &mut Vec<Finding>) {
        let mut told: HashSet<(&str, &str, &str)> = HashSet::new();
        for running in &self.scene.running {
            let namespace = &*running.workload.meta.namespace;
            let long = |token: &&crate::assess::HeldToken| matches!(token.way, Way::Projected { seconds, .. } if seconds > LONG_SECONDS);
            let tokens: Vec<_> = running.tokens.iter().filter(long).collect();
            if tokens.is_empty() || !told.insert((namespace, &running.top.0, &running.top.1)) {
                continue;
            }
            let because: Vec<Because> =
                tokens.iter().map(|token| reason(words::token(namespace, token))).collect();
            let check = Check {
                view: View::Tokens,
                rule: "token-long-projection",
                severity: Severity::Low,
                title: "asks for a token that lives longer than a day".into(),
                gives: "A copy of it works for as long, unless its pod is deleted before.",
                fix: "Lower expirationSeconds of the projected volume: the kubelet renews the token in time."
                    .into(),
                reference: "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#serviceaccount-token-volume-projection",
                attack: &["T1528"],
            };
            found.push(check.about(self.workload(running), because, false));
        }
    }
}

struct LastUse {
    said: String,
    never: bool,
    days: Option<i64>,
}

/// When a long-lived token was last used, as its Secret's label says. Kubernetes writes it from 1.28 on.
fn last_use(secret: &Secret, now: Timestamp, version: Option<Version>) -> LastUse {
    let Some(label) = &secret.last_used else {
        if version.is_some_and(|version| version < NOTES_USE) {
            let said =
                format!("when it was last used is not known (the API server notes it from {NOTES_USE} on)");
            return LastUse { said, never: false, days: None };
        }
        let said = "it was never used, as far as the API server noted (it does from 1.28 on)".to_owned();
        return LastUse { said, never: true, days: None };
    };
    let days = label.parse::<Date>().ok().and_then(|day| days_since(day, now));
    let said = match days {
        Some(0) => format!("it was last used today ({label})"),
        Some(1) => format!("it was last used yesterday ({label})"),
        Some(days) => format!("it was last used {days} days ago ({label})"),
        None => format!("it was last used on {label}"),
    };
    LastUse { said, never: false, days }
}

fn age(secret: &Secret, now: Timestamp) -> Option<String> {
    let days = days_since(secret.meta.created?.to_zoned(TimeZone::UTC).date(), now)?;
    Some(match days {
        0 => "it was made today".to_owned(),
        1 => "it is 1 day old".to_owned(),
        days => format!("it is {days} days old"),
    })
}

fn days_since(day: Date, now: Timestamp) -> Option<i64> {
    let span = now.to_zoned(TimeZone::UTC).date().since((jiff::Unit::Day, day)).ok()?;
    Some(i64::from(span.get_days()).max(0))
}
