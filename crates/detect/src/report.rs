//! Turns an event and the rule it met into a finding.

use jiff::Timestamp;
use sundew_audit::{Event, Text};
use sundew_habits::Seen;

use crate::{
    finding::{Actor, DecoyRef, Detector, Finding, Request, Severity},
    rule::Rule,
};

/// How much of a text from outside a finding keeps, in characters.
const MAX_TEXT: usize = 512;
/// The stage of a note that was seen as a label: no event has it.
pub(crate) const LABEL_SEEN: &str = "LabelSeen";
/// How many groups a finding keeps.
const MAX_GROUPS: usize = 16;

/// The finding that `event` met `rule`, about `decoy`.
pub(crate) fn finding(cluster: &str, event: &Event<'_>, rule: &Rule, decoy: DecoyRef) -> Finding {
    Finding {
        time: event.time().unwrap_or(Timestamp::UNIX_EPOCH),
        cluster: cluster.to_owned(),
        severity: rule.severity,
        detector: Detector::Tripwire,
        rule: rule.id.to_owned(),
        title: rule.title.replace("{decoy}", &decoy.name),
        audit_ids: event.audit_id.to_option().map(|id| shorten(&id)).into_iter().collect(),
        actor: actor(event),
        decoy: Some(decoy),
        attack: rule.attack.iter().map(|id| (*id).to_owned()).collect(),
        request: request(event),
        notes: Vec::new(),
        drill: false,
        rehearsal: None,
        stage: text(event.stage),
        stage_time: text(event.stage_timestamp),
    }
}

/// The finding that `event` is about, with nothing said yet: no rule, no sentence.
pub(crate) fn unsaid(cluster: &str, event: &Event<'_>, detector: Detector) -> Finding {
    const NONE: Rule = Rule { id: "", severity: Severity::Info, attack: &[], title: "" };
    Finding { detector, decoy: None, ..finding(cluster, event, &NONE, DecoyRef::default()) }
}

/// The finding about a request of which no more is known than what habits read, with nothing said yet.
pub(crate) fn unsaid_of(cluster: &str, seen: &Seen<'_>, detector: Detector) -> Finding {
    let some = |text: &str| (!text.is_empty()).then(|| shorten(text));
    let known = Request {
        verb: shorten(&seen.verb),
        resource: shorten(&seen.resource),
        namespace: shorten(&seen.namespace),
        name: shorten(&seen.name),
        code: Some(seen.code).filter(|code| *code != 0),
        uri: String::new(),
    };
    let actor = Actor {
        user: some(&seen.user),
        ip: some(&seen.peer),
        client: some(&seen.client),
        ..Actor::default()
    };
    Finding { actor, request: known, ..unsaid(cluster, &Event::default(), detector) }
}

/// The finding that the label of last use on a decoy's Secret `NAMESPACE/NAME` shows a use at about `now`, as an audit
/// event of the API server's own patch would: so both join one incident. `seen` tells a repeat from news.
pub fn label_changed(
    cluster: &str,
    decoy: DecoyRef,
    [namespace, name]: [&str; 2],
    now: Timestamp,
    seen: &str,
) -> Finding {
    let rule = &crate::tripwire::rules::TOKEN_LAST_USED;
    Finding {
        time: now,
        cluster: cluster.to_owned(),
        severity: rule.severity,
        detector: Detector::Tripwire,
        rule: rule.id.to_owned(),
        title: rule.title.replace("{decoy}", &decoy.name),
        audit_ids: Vec::new(),
        actor: Actor { user: Some("system:apiserver".into()), ..Actor::default() },
        decoy: Some(decoy),
        attack: rule.attack.iter().map(|id| (*id).to_owned()).collect(),
        request: Request {
            verb: "patch".into(),
            uri: format!("/api/v1/namespaces/{namespace}/secrets/{name}"),
            resource: "secrets".into(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            code: None,
        },
        notes: Vec::new(),
        drill: false,
        rehearsal: None,
        stage: LABEL_SEEN.into(),
        stage_time: seen.to_owned(),
    }
}

fn actor(event: &Event<'_>) -> Actor {
    let some = |t: Text<'_>| (!t.is_empty()).then(|| text(t));
    Actor {
        user: some(event.user.username),
        groups: groups(event),
        impersonated: event.impersonated_user.as_ref().and_then(|u| some(u.username)),
        ip: some(event.peer()),
        client: some(event.user_agent),
    }
}

/// The groups that the name does not tell already (`pkg/serviceaccount/util.go` of Kubernetes).
fn groups(event: &Event<'_>) -> Vec<String> {
    let groups = event.user.groups.iter().map(|group| text(*group));
    let says = |group: &String| {
        !matches!(group.as_str(), "" | "system:authenticated" | "system:unauthenticated")
            && group != "system:serviceaccounts"
            && !group.starts_with("system:serviceaccounts:")
    };
    groups.filter(says).take(MAX_GROUPS).collect()
}

fn request(event: &Event<'_>) -> Request {
    let object = event.object_ref.unwrap_or_default();
    let mut resource = text(object.resource);
    if !object.api_group.is_empty() {
        resource = format!("{resource}.{}", text(object.api_group));
    }
    if !object.subresource.is_empty() {
        resource = format!("{resource}/{}", text(object.subresource));
    }
    Request {
        verb: text(event.verb),
        uri: text(event.request_uri),
        resource,
        namespace: text(object.namespace),
        name: text(object.name),
        code: event.code(),
    }
}

fn text(text: Text<'_>) -> String {
    shorten(&text.decode())
}

/// The first characters of a text from outside, so that no finding is larger than a page.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
