//! What audit logs tell that settings rest on: who uses tokens past their time, and who needs no rights at all.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, tz::TimeZone};
use sundew_audit::Event;
use sundew_posture::{
    Severity,
    model::{Binding, Subject},
    rbac::MASTERS,
};

use super::{Fact, Seen};
use crate::rbac::binding_of;

/// The most names that are remembered of each kind.
const MOST: usize = 1000;
/// The API server notes here who uses a token after the time for which it was asked (`pkg/serviceaccount/claims.go`).
const STALE: &str = "authentication.k8s.io/stale-token";
/// The most pairs of a binding and a user that it served that are remembered.
const MOST_USES: usize = 20_000;
/// The authorizer notes here which binding allowed the request
/// (`plugin/pkg/auth/authorizer/rbac/rbac.go`): the first that does, of any number.
const REASON: &str = "authorization.k8s.io/reason";
/// The API server's own requests to itself.
const ITSELF: &str = "system:apiserver";

/// What audit logs tell. Bounded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Heard {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Who used a token past its time, with how often and how many seconds past it at most.
    stale: BTreeMap<String, (u64, u64)>,
    /// Members of `system:masters`, with how often they asked.
    masters: BTreeMap<String, u64>,
    /// Whether there were more names than are remembered.
    more: bool,
    /// Whom each binding for everybody served, with how often: by kind, namespace and name of the binding, and its
    /// subject as the authorizer writes it.
    served: BTreeMap<(Bound, String), u64>,
    /// Whether there were more of these than are remembered.
    served_more: bool,
}

/// A binding and one of its subjects, as the authorizer writes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    kind: String,
    namespace: String,
    name: String,
    subject: String,
}

/// Whom a binding served, as far as audit logs tell.
pub(super) struct Served<'h> {
    /// Each user with how often.
    pub(super) users: Vec<(&'h str, u64)>,
    /// Whether more were served than are remembered.
    pub(super) more: bool,
}

impl Heard {
    /// Takes one event, in any order.
    pub fn record(&mut self, event: &Event<'_>) {
        if let Some(time) = event.time() {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        if let Some(note) = event.annotation(STALE) {
            self.note_stale(&note.decode());
        }
        if let Some(reason) = event.annotation(REASON) {
            self.note_served(&reason.decode(), &event.user.username.decode());
        }
        if event.user.groups.iter().any(|group| *group == MASTERS) && event.user.username != ITSELF {
            let name = event.user.username.decode().into_owned();
            if let Some(count) = place(&mut self.masters, name, MOST, &mut self.more) {
                *count += 1;
            }
        }
    }

    /// `subject: system:serviceaccount:NAMESPACE:NAME, seconds after warning threshold: N`.
    fn note_stale(&mut self, note: &str) {
        let Some((subject, rest)) = note.strip_prefix("subject: ").and_then(|note| note.rsplit_once(", "))
        else {
            return;
        };
        let seconds = rest.rsplit_once(": ").and_then(|(_, seconds)| seconds.parse().ok()).unwrap_or(0_u64);
        if let Some((count, most)) = place(&mut self.stale, subject.to_owned(), MOST, &mut self.more) {
            *count += 1;
            *most = (*most).max(seconds);
        }
    }

    /// `RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`.
    fn note_served(&mut self, reason: &str, user: &str) {
        let Some((_, subject)) = reason.rsplit_once(" to ") else { return };
        let name = subject.split_once(' ').map_or("", |(_, name)| name.trim_matches('"'));
        if !super::rights::is_everybody(name) {
            return;
        }
        let Some((kind, namespace, name)) = binding_of(reason) else { return };
        let bound = Bound {
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subject: subject.to_owned(),
        };
        if let Some(count) =
            place(&mut self.served, (bound, user.to_owned()), MOST_USES, &mut self.served_more)
        {
            *count += 1;
        }
    }

    /// Whom a binding served by one of its subjects, who was served most first.
    pub(super) fn served(&self, binding: &Binding, subject: &Subject) -> Served<'_> {
        let subject = format!("{} \"{}\"", subject.kind(), subject.name());
        let is_it = |of: &Bound| {
            of.kind == binding.kind()
                && of.namespace == *binding.meta.namespace
                && of.name == *binding.meta.name
                && of.subject == subject
        };
        let of = self.served.iter().filter(|((of, _), _)| is_it(of));
        let mut users: Vec<(&str, u64)> = of.map(|((_, user), count)| (user.as_str(), *count)).collect();
        users.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Served { users, more: self.served_more }
    }

    /// Whether the logs reach from their end at least so far back.
    pub fn covers(&self, window: Span) -> bool {
        let Some((first, last)) = self.first.zip(self.last) else { return false };
        let begin = last.to_zoned(TimeZone::UTC).checked_sub(window);
        begin.is_ok_and(|begin| first <= begin.timestamp())
    }

    /// `2026-11-01T00:00:00Z to 2026-11-20T00:00:00Z`.
    pub fn span(&self) -> String {
        match self.first.zip(self.last) {
            Some((first, last)) => format!("{} to {}", whole(first), whole(last)),
            None => "no time at all".into(),
        }
    }

    /// Who used a token past its time, in lines of evidence. More names than are remembered count as somebody.
    pub(super) fn stale(&self) -> Vec<String> {
        let line = |(subject, (count, most)): (&String, &(u64, u64))| {
            format!(
                "audit logs: {subject} used a token past its hour {count} times, up to {} later",
                lasting(*most)
            )
        };
        let more = self.more.then(|| format!("audit logs: more names than the {MOST} that are remembered"));
        self.stale.iter().map(line).chain(more).collect()
    }
}

fn whole(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn place<'m, K: Ord, V: Default>(
    map: &'m mut BTreeMap<K, V>,
    key: K,
    most: usize,
    more: &mut bool,
) -> Option<&'m mut V> {
    if map.len() >= most && !map.contains_key(&key) {
        *more = true;
        return None;
    }
    Some(map.entry(key).or_default())
}

/// `3 d`, `5 h` or `20 s`.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{seconds} s"),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

pub(super) fn facts(seen: &Seen<'_>) -> Option<Fact> {
    const ID: &str = "masters";
    let heard = seen.heard.as_ref()?;
    if heard.masters.is_empty() && !seen.heard_enough {
        let title = "Whether anybody works as a member of system:masters could not be seen";
        let evidence =
            format!("audit logs of {}: none, and they reach not as far back as --window", heard.span());
        return Some(Fact::unknown(ID, title, "--logs with more of the past").seen([evidence]));
    }
    if heard.masters.is_empty() {
        let evidence = format!("audit logs of {}", heard.span());
        return Some(Fact::good(ID, "Nobody works as a member of system:masters").seen([evidence]));
    }
    let line = |(user, count): (&String, &u64)| format!("audit logs: {user}, {count} times");
    let fact = Fact::bad(
        ID,
        Severity::Medium,
        "Members of system:masters work in the cluster: no right can be taken from them, and no certificate of theirs \
         be revoked",
    );
    let fact = fact.seen(heard.masters.iter().map(line)).fix(
        "Give each of them a credential of their own, in a group that a binding names (from 1.29 on kubeadm's admin.conf \
         is in kubeadm:cluster-admins), keep super-admin.conf for emergencies only, and let the old certificates run out",
    );
    Some(fact)
}
