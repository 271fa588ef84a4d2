//! The next commands to run for an incident: who is behind the address, what else they did, how to take the
//! credential from them.

use std::borrow::Cow;

use crate::{
    finding::DecoyRef,
    incident::{Incident, NextStep},
    sensor,
    tripwire::rules,
};

/// How many commands an alert gives: more than a few are not read at night.
const MAX: usize = 3;

/// What to run next for `incident`, most urgent first; nothing for a drill.
pub fn next(incident: &Incident) -> Vec<NextStep> {
    if incident.is_of_sensor() {
        return of_sensor(incident);
    }
    // Nobody is attacking: whoever did what a theft asks for would spoil the bait.
    if incident.drill {
        return Vec::new();
    }
    let mut steps: Vec<NextStep> =
        [bound(incident), peer(incident), credential(incident), identity(incident), log(incident)]
            .into_iter()
            .flatten()
            .collect();
    steps.truncate(MAX);
    steps
}

fn step(why: &str, run: String) -> NextStep {
    NextStep { why: why.to_owned(), run }
}

/// A role that was bound to the decoy gives rights to whoever holds a copy of its token: look at that first.
fn bound(incident: &Incident) -> Option<NextStep> {
    let step_bound = incident.steps.iter().find(|s| s.rule == rules::ROLE_BOUND.id)?;
    let request = &step_bound.request;
    let kind = request.resource.split(['.', '/']).next().unwrap_or_default().trim_end_matches('s');
    let namespace = flag("-n", &request.namespace);
    Some(step(
        "see what was bound to the decoy, then delete it",
        format!("kubectl get {} {}{namespace} -o yaml", quote(kind), quote(&request.name)),
    ))
}

/// Where the sensor tells of itself: what to look at.
fn of_sensor(incident: &Incident) -> Vec<NextStep> {
    let has = |rule: &crate::rule::Rule| incident.rules.contains_key(rule.id);
    let status = || step("see what the sensor reads and owes", "sundew status".into());
    let decoy = incident.decoys.first().map(|decoy| quote(&decoy.name).into_owned()).unwrap_or_default();
    if has(&sensor::rules::SILENT) {
        let flags = "kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep -e --audit-";
        return vec![
            step("see whether and where the API server writes its audit log", flags.into()),
            status(),
        ];
    }
    if has(&sensor::rules::UNLOGGED) {
        return vec![
            step("use the decoy on purpose, and see which stage does not come", drill(&decoy)),
            step(
                "see which policy the API server has",
                "kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep -e --audit-policy-file".into(),
            ),
        ];
    }
    if has(&sensor::rules::DECOY_GONE) {
        let namespace = decoy.split_once('/').map(|(namespace, _)| namespace.to_owned()).unwrap_or_default();
        return vec![
            step("see what of the decoys is there", "sundew status --here".into()),
            step("see who was there", format!("kubectl get events -n {namespace} --sort-by=.lastTimestamp")),
        ];
    }
    if has(&sensor::rules::DRILL_MISSED) {
        return vec![status(), step("try it again by hand", drill(&decoy))];
    }
    vec![status()]
}

fn drill(decoy: &str) -> String {
    format!("sundew drill {decoy}").trim_end().to_owned()
}

/// The pod behind the peer's address.
fn peer(incident: &Incident) -> Option<NextStep> {
    let known = incident.peer.as_ref().filter(|peer| peer.node.is_none());
    if let Some(pod) = known.and_then(|peer| peer.pods.iter().find(|pod| pod.gone.is_none())) {
        return Some(step(
            "look at the pod behind the address",
            format!("kubectl describe pod -n {} {}", quote(&pod.namespace), quote(&pod.name)),
        ));
    }
    let ip = incident
        .actor
        .ip
        .as_deref()
        .filter(|ip| ip.parse::<std::net::IpAddr>().is_ok_and(|a| !a.is_loopback()));
    let ip = ip?;
    Some(step(
        "find the pod behind the address",
        format!("kubectl get pods -A -o wide --field-selector status.podIP={}", quote(ip)),
    ))
}

/// Makes the stolen copy worthless and keeps telling of its use.
fn credential(incident: &Incident) -> Option<NextStep> {
    let used =
        [rules::TOKEN_USED.id, rules::TOKEN_LAST_USED.id, rules::TOKEN_CHECKED.id, rules::SECRET_TOUCHED.id];
    let step_used = incident.steps.iter().find(|s| used.contains(&s.rule.as_str()))?;
    let DecoyRef { name, secret, .. } = step_used.decoy.as_ref()?;
    let (namespace, secret) = (name.split_once('/')?.0, secret.as_deref()?);
    Some(step(
        "refuse the stolen copy; the API server still notes its use, once a day",
        format!(
            "kubectl label secret -n {} {} kubernetes.io/legacy-token-invalid-since={}",
            quote(namespace),
            quote(secret),
            incident.last_seen.strftime("%Y-%m-%d")
        ),
    ))
}

/// What the workload's identity that was not the decoy can do: it is stolen or abused as well. Of people, whose
/// groups are not in an account's name, kubectl could not tell.
fn identity(incident: &Incident) -> Option<NextStep> {
    let user = incident.actor.user.as_deref().filter(|user| user.starts_with("system:serviceaccount:"))?;
    let decoy = incident.decoys.iter().any(|d| Some(user) == d.user().as_deref());
    (!decoy).then(|| {
        step("see what this identity can do", format!("kubectl auth can-i --list --as={}", quote(user)))
    })
}

/// Everything else that the peer asked for.
fn log(incident: &Incident) -> Option<NextStep> {
    let ip = incident.actor.ip.as_deref()?;
    let filter = format!("select(.sourceIPs[-1] == \"{}\")", ip.replace(['"', '\\'], ""));
    Some(step("read everything this peer did", format!("jq -c {} audit.log", quote(&filter))))
}

fn flag(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(" {name} {}", quote(value)) }
}

/// Quotes a word for a POSIX shell. Control characters, which nobody means to paste, are left out.
fn quote(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    let shown: String = word.chars().filter(|c| !c.is_control()).collect();
    Cow::Owned(format!("'{}'", shown.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn names_from_events_cannot_break_out_of_a_command() {
        assert_eq!(quote("backup-sa"), "backup-sa");
        assert_eq!(quote("a'; rm -rf /; '"), r"'a'\''; rm -rf /; '\'''");
        assert_eq!(quote("$(id)\n`id`"), "'$(id)`id`'");
        assert_eq!(quote(""), "''");
    }
}
