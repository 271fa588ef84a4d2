//! What is told of a token, in words for the person who is woken by it.

use sundew_audit::Severity;

use super::{
    clock::words,
    holder::{GoneBy, Holder, Use},
    id::{Address, Net},
};
use crate::{Class, Novelty, Seen, words::number};

/// Application Access Token.
const STOLEN: &str = "T1550.001";

/// Namespace and name of a ServiceAccount.
pub(super) fn account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
}

/// Two addresses from which the token of one pod is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Second {
    /// That with the longer past.
    pub(super) long: Use,
    pub(super) short: Use,
    /// How many other pods' tokens are used from the one with the shorter past.
    pub(super) others: usize,
    pub(super) severity: Severity,
}

pub(super) fn second_address(seen: &Seen<'_>, second: Second) -> Novelty {
    let Second { long, short, others, severity } = second;
    let mut notes = vec![used(long), used(short), likely(long, short)];
    if [long, short].iter().any(|one| one.address.is_own_machine()) {
        notes.push(
            "The loopback address is the API server's own machine: somebody there has the token, or comes through a \
             tunnel or a proxy that ends there."
                .to_owned(),
        );
    }
    if others > 0 {
        let (pods, short) = (count(others as u64, "other pod"), short.address);
        notes.push(format!(
            "Tokens of {pods} are used from {short} as well: a thief has several, or it is a NAT or proxy of yours. \
             An address that more pods use is taken to be shared, and nothing more is told of it."
        ));
    }
    notes.push(what_to_do(seen));
    Novelty {
        rule: "tokens.second_address",
        severity,
        attack: vec![STOLEN],
        title: format!(
            "The token of pod {} is used from two addresses, {} and {}",
            pod(seen),
            long.address,
            short.address
        ),
        notes,
    }
}

fn likely(long: Use, short: Use) -> String {
    let fact = "A pod has one address of each IP family, so one of the two is not the pod's.";
    if long.past() == short.past() {
        return format!("{fact} Neither has a longer past: which is the pod's must be looked up.");
    }
    let (own, other) = (long.address, short.address);
    if short.span.first < long.span.first {
        return format!(
            "{fact} {other} came first, but {own} has the longer past and is likely the pod's: then a stolen copy was \
             used before the pod itself was heard."
        );
    }
    format!(
        "{fact} {own} has the longer past and is likely the pod's; that it came first would prove nothing."
    )
}

pub(super) fn other_node(seen: &Seen<'_>, node: &str, address: Address, net: Option<Net>) -> Novelty {
    let own = seen.node.as_deref().unwrap_or_default();
    let how = match net {
        Some(net) => format!("All other pods that speak from {net} run on node {node}."),
        None => format!("The kubelet of node {node} speaks from {address}."),
    };
    let pod = pod(seen);
    Novelty {
        rule: "tokens.other_node",
        severity: Severity::High,
        attack: vec![STOLEN],
        title: format!("The token of pod {pod} on node {own} is used from node {node} ({address})"),
        notes: vec![
            how,
            format!("The token says itself that its pod runs on node {own}, and no pod moves to another."),
            what_to_do(seen),
        ],
    }
}

pub(super) fn after_deletion(seen: &Seen<'_>, address: Address, holder: &Holder, late: u32) -> Novelty {
    let since = words(holder.gone);
    let how = match holder.gone_by {
        GoneBy::Kubelet => {
            format!(
                "The kubelet took the pod away at {since}, which it does when nothing of it runs any more."
            )
        }
        GoneBy::Force => format!("The pod was deleted at {since} without waiting for its containers."),
        GoneBy::Successor => format!("Since {since} another pod has its name, so it was gone by then."),
    };
    let mut notes = vec![how];
    notes.extend(holder.uses.iter().filter(|one| one.address == address).map(|one| used(*one)));
    notes.extend(holder.uses.iter().filter(|one| one.address != address).map(|one| used(*one)));
    notes.push(
        "An API server takes the token of a deleted pod for some ten seconds more, and for a minute while a finalizer \
         keeps the pod. Whoever uses it then has a copy."
            .to_owned(),
    );
    let late = count(late.into(), "second");
    Novelty {
        rule: "tokens.after_deletion",
        severity: Severity::High,
        attack: vec![STOLEN],
        title: format!(
            "The token of pod {} was used from {address} {late} after the pod was gone",
            pod(seen)
        ),
        notes,
    }
}

pub(super) fn two_networks(seen: &Seen<'_>, holder: &Holder, nets: [Net; 2], severity: Severity) -> Novelty {
    let certificate = seen.credential.as_deref().is_some_and(|id| id.starts_with("X509SHA256="));
    let what = if certificate || seen.class == Class::Node { "client certificate" } else { "token" };
    let uses = holder.uses.iter().filter(|one| nets.contains(&one.address.wide()));
    let mut notes: Vec<String> = uses.map(|one| used(*one)).collect();
    notes.push("It went from one to the other at least three times within ten minutes.".to_owned());
    notes.push(match seen.class {
        Class::Human | Class::Controller => {
            "What to do: ask who it belongs to whether they share it, or work from two places. If not, it is stolen: \
             sign the token out, or, as no certificate can be revoked, take away the rights of its user."
        }
        Class::Node => {
            "What to do: see whether this node has two ways to the API server. If not, its certificate is stolen: \
             drain the node and delete it."
        }
        Class::Workload => {
            "What to do: find out which of the two is meant to have this token. Deleting the account, or the object \
             that the token is bound to, ends it. Tokens that are bound to a pod live no longer than the pod."
        }
    }
    .to_owned());
    let [one, other] = nets;
    Novelty {
        rule: "tokens.two_networks",
        severity,
        attack: vec![if seen.class == Class::Workload { STOLEN } else { "T1078.004" }],
        title: format!("A {what} of {} is used from two networks at once, {one} and {other}", seen.user),
        notes,
    }
}

fn what_to_do(seen: &Seen<'_>) -> String {
    let name = seen.pod.as_deref().unwrap_or("POD");
    let namespace = account(&seen.user).map_or("NAMESPACE", |(namespace, _)| namespace);
    format!(
        "What to do: `kubectl get pod -n {namespace} {name} -o wide` shows the pod's own address. Deleting the pod ends \
         all its tokens with it; before that, look for how one could be read."
    )
}

fn pod(seen: &Seen<'_>) -> String {
    let name = seen.pod.as_deref().or(seen.pod_uid.as_deref()).unwrap_or_default();
    match account(&seen.user) {
        Some((namespace, _)) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

fn used(one: Use) -> String {
    let (address, requests) = (one.address, count(one.count.into(), "request"));
    let (first, last) = (words(one.span.first), words(one.span.last));
    if first == last {
        return format!("{address}: {requests} at {first}.");
    }
    format!("{address}: {requests} from {first} to {last}.")
}

/// `1 request`, `12,331 requests`.
fn count(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}
