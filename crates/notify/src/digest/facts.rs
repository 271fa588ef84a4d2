//! The facts of a digest: who, from where, with what, which copy leaked, and whether anything was granted.

use jiff::{SignedDuration, Timestamp};
use sundew_detect::{DecoyRef, Incident, Peer, PeerPod};

use super::{
    Fact, Part, VALUE,
    steps::{Answer, is_note, same_day, untold},
};
use crate::text::clean;

/// How many pods behind an address are named.
const PODS: usize = 2;

pub(super) fn facts(incident: &Incident) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |label, value: Vec<Part>| {
        if !value.is_empty() {
            facts.push(Fact { label, value });
        }
    };
    // Of itself the sensor tells without an intruder.
    if !incident.is_of_sensor() {
        add("Who", who(incident));
        add("From", vec![known(incident.actor.ip.as_deref(), "unknown: the event names no address")]);
        add("Behind it", incident.peer.as_ref().map(behind).unwrap_or_default());
        add("Client", client(incident));
    }
    add("Decoy", listed(incident.decoys.iter().map(|d| vec![name(&d.name)]), 3, ", "));
    add("Leaked copy", listed(incident.decoys.iter().filter_map(placement), 3, "; "));
    add("When", vec![words(when(incident.first_seen, incident.last_seen))]);
    add("Outcome", outcome(incident));
    add("Cluster", vec![name(&incident.cluster)]);
    add("ATT&CK", listed(incident.attack.iter().map(|id| vec![name(id)]), 8, ", "));
    let counted = |(rule, n): (&String, &u64)| vec![name(rule), words(format!(" ({n})"))];
    add("Rules", listed(incident.rules.iter().map(counted), 4, ", "));
    facts
}

fn words(text: impl Into<String>) -> Part {
    Part::Words(text.into())
}

fn name(text: &str) -> Part {
    Part::Name(clean(text, VALUE))
}

fn known(text: Option<&str>, otherwise: &str) -> Part {
    text.filter(|t| !t.trim().is_empty()).map_or_else(|| words(otherwise), name)
}

/// The first `limit` entries, and how many more there are.
fn listed(entries: impl Iterator<Item = Vec<Part>>, limit: usize, separator: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut left = 0;
    for (i, entry) in entries.enumerate() {
        if i >= limit {
            left += 1;
            continue;
        }
        if i > 0 {
            parts.push(words(separator));
        }
        parts.extend(entry);
    }
    if left > 0 {
        parts.push(words(format!(" and {left} more")));
    }
    parts
}

fn who(incident: &Incident) -> Vec<Part> {
    let Incident { actor, steps, .. } = incident;
    let otherwise = match !steps.is_empty() && steps.iter().all(is_note) {
        true => "unknown: the API server noted the use, and no event shows by whom",
        false => "unknown: the API server knew no user for the request",
    };
    let user = known(actor.user.as_deref(), otherwise);
    match actor.impersonated.as_deref() {
        Some(target) => vec![user, words(" impersonating "), name(target)],
        None => vec![user],
    }
}

fn client(incident: &Incident) -> Vec<Part> {
    let seen: Vec<&String> = match incident.clients.as_slice() {
        [] => incident.actor.client.iter().collect(),
        clients => clients.iter().collect(),
    };
    let mut parts = listed(seen.into_iter().map(|c| vec![known(Some(c), "(empty)")]), 3, ", ");
    if parts.is_empty() {
        parts.push(words("named none"));
    }
    if let Some(tool) = &incident.tool {
        parts.extend([words(", looks like "), name(tool)]);
    }
    parts
}

/// What stands behind the address: a node, or pods that had it one after the other.
fn behind(peer: &Peer) -> Vec<Part> {
    let shown = peer.pods.iter().take(PODS);
    let mut parts = match peer.node.as_deref() {
        Some(node) => {
            let mut parts =
                vec![words("node "), name(node), words(" itself, or a pod that shares its address: ")];
            parts.extend(listed(shown.map(|pod| vec![name(&place(pod))]), PODS, ", "));
            parts
        }
        None => listed(shown.map(pod), PODS, "; or "),
    };
    let more = peer.more.saturating_add(peer.pods.len().saturating_sub(PODS) as u64);
    if more > 0 {
        parts.push(words(format!(" and {more} more")));
    }
    parts
}

fn place(pod: &PeerPod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

fn pod(pod: &PeerPod) -> Vec<Part> {
    let mut parts = vec![words("pod "), name(&place(pod))];
    let about = [(" of ", &pod.owner), (" on node ", &pod.node), (", account ", &pod.account)];
    for (word, text) in about.into_iter().filter(|(_, text)| !text.trim().is_empty()) {
        parts.extend([words(word), name(text)]);
    }
    if let Some(gone) = pod.gone {
        parts.push(words(format!(", gone since {}", gone.strftime("%F %H:%M:%S UTC"))));
    }
    parts
}

fn placement(decoy: &DecoyRef) -> Option<Vec<Part>> {
    let mut parts = vec![name(decoy.placement.as_deref()?)];
    if let Some(location) = decoy.location.as_deref().filter(|l| !l.trim().is_empty()) {
        parts.extend([words(" ("), name(location), words(")")]);
    }
    Some(parts)
}

fn when(first: Timestamp, last: Timestamp) -> String {
    let day = "%Y-%m-%d %H:%M:%S";
    let start = first.strftime(day);
    let lasted = last.duration_since(first);
    if lasted.as_secs() <= 0 {
        return format!("{start} UTC");
    }
    let end = last.strftime(if same_day(first, last) { "%H:%M:%S" } else { day });
    format!("{start} to {end} UTC ({})", rough(lasted))
}

/// A length of time in its two greatest units.
fn rough(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days} d {} h", hours % 24),
        () if hours > 0 => format!("{hours} h {} min", minutes % 60),
        () if minutes > 0 => format!("{minutes} min {} s", seconds % 60),
        () => format!("{seconds} s"),
    }
}

/// Whether anything was granted: the first question at night. Says nothing where the answers do not tell.
fn outcome(incident: &Incident) -> Vec<Part> {
    let answers: Vec<Answer> = incident.steps.iter().filter(|step| !is_note(step)).map(Answer::to).collect();
    if answers.contains(&Answer::Allowed) {
        return vec![words("some requests were ALLOWED, see below")];
    }
    if !answers.contains(&Answer::Refused) || answers.contains(&Answer::Other) {
        return Vec::new();
    }
    let which = if untold(incident) > 0 { "every request listed below" } else { "every request" };
    let except = match answers.contains(&Answer::AllowedToAnyone) {
        true => ", but for what any account may ask",
        false => "",
    };
    vec![words(format!("{which} was refused{except}"))]
}
