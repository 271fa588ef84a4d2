//! What a rule matches without meaning it, and what it misses though it means it.

use std::collections::BTreeSet;

use rsigma_parser::{ArrayQuantifier, Detections, Modifier, SigmaRule};

use super::{
    Flaw,
    ask::{self, Ask},
    branch::{self, Branch, Line, Part},
    dead::{self, LONG, left, only},
    find,
};
use crate::{
    AuditLevel,
    field::{Field, Place, Texts},
    load::Document,
};

/// Creates that are no creation of the resource: it is the subresource that is asked for.
const ALSO: &[(&str, &str)] = &[
    ("serviceaccounts", "every kubelet's request for a token (`serviceaccounts/token`)"),
    ("pods", "exec and attach, evictions, and the scheduler's bindings"),
];

/// What is doubtful in a rule that can match.
pub(super) fn of_rule(document: &Document, rule: &SigmaRule, branches: &[Branch<'_>]) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let said = rule.custom_attributes.get("audit_level").and_then(|level| level.as_str());
    flaws.extend(level(document, branches, said));
    flaws.extend(logsource(document, rule));
    for branch in branches {
        flaws.extend(subresource(document, branch));
        flaws.extend(one_way(document, branch));
        flaws.extend(late(document, branch));
        flaws.extend(user_agent(document, branch));
    }
    flaws
}

/// What is doubtful in the selections of a rule or a filter, whatever the condition makes of them.
pub(super) fn of_selections(document: &Document, detections: &Detections) -> Vec<Flaw> {
    let used: BTreeSet<_> =
        detections.conditions.iter().flat_map(|condition| branch::used(condition, detections)).collect();
    let mut flaws = Vec::new();
    for name in detections.named.keys().filter(|name| !used.contains(name.as_str())) {
        let line = find::selection(document, name);
        let what = format!("no condition uses the selection `{name}`");
        flaws.push(Flaw { line, what, fix: "name it in the condition, or take it away".to_owned() });
    }
    for part in branch::parts(detections) {
        flaws.extend(never_there(document, &part));
        flaws.extend(enveloped(document, &part));
        flaws.extend(addresses(document, &part));
    }
    flaws
}

fn named(part: &Part<'_>) -> Option<Field> {
    Field::parse(part.field()?).ok()
}

fn at(document: &Document, part: &Part<'_>) -> Option<usize> {
    find::field(document, part.selection, part.field()?)
}

/// A field that does not exist, in a line that is always met.
fn never_there(document: &Document, part: &Part<'_>) -> Option<Flaw> {
    if named(part)?.is_known() {
        return None;
    }
    let always = match part.line {
        Line::Item(item) => ask::of(item) == Ask::Exists(false) || item.field.has_modifier(Modifier::Neq),
        Line::List(_, quantifier) => {
            matches!(quantifier, ArrayQuantifier::None | ArrayQuantifier::AllOrEmpty)
        }
    };
    let name = part.field()?;
    let fix = super::names::meant(name).map(|meant| format!("write `{meant}`")).unwrap_or_default();
    let what = format!("audit events have no field `{name}`, so that this says nothing");
    always.then(|| Flaw { line: at(document, part), what, fix })
}

/// What only some envelopes have.
fn enveloped(document: &Document, part: &Part<'_>) -> Option<Flaw> {
    let name = part.field().filter(|name| matches!(*name, "kind" | "apiVersion"))?;
    let what = format!("events that an API server posts to a webhook have no `{name}`");
    Some(Flaw {
        line: at(document, part),
        what,
        fix: "leave it out: only audit events are looked at".to_owned(),
    })
}

fn addresses(document: &Document, part: &Part<'_>) -> Option<Flaw> {
    let Place::Texts(Texts::SourceIps, index) = named(part)?.place else { return None };
    let what = match index {
        Some(-1) => return None,
        Some(_) => "this address of `sourceIPs` is what the client wrote into a header",
        None => "`sourceIPs` begins with what the client wrote into a header",
    };
    let fix = "write `sundew.peer`: the last address, which the client cannot choose".to_owned();
    Some(Flaw { line: at(document, part), what: what.to_owned(), fix })
}

/// Each way to meet the condition reads a body, and nothing says so.
fn level(document: &Document, branches: &[Branch<'_>], said: Option<&str>) -> Option<Flaw> {
    let needs = |part: &&Part<'_>| named(part).map(|field| field.audit_level());
    let highest = branches.iter().map(|branch| branch.asked.iter().max_by_key(needs));
    // A way that needs less works where the others do not.
    let part = highest.min_by_key(|part| part.and_then(|part| needs(&part))).flatten()?;
    let needed = needs(&part).filter(|level| *level > AuditLevel::Metadata)?;
    let known = [AuditLevel::Metadata, AuditLevel::Request, AuditLevel::RequestResponse];
    let enough =
        |said: &str| known.iter().any(|level| level.as_str().eq_ignore_ascii_case(said) && *level >= needed);
    let asks = branches.iter().all(|branch| speaks_of(branch, "level"));
    if asks || said.is_some_and(enough) {
        return None;
    }
    let (name, needed) = (part.field()?, needed.as_str());
    let what =
        format!("`{name}` is logged at level {needed} only, and the rule does not say that it needs it");
    Some(Flaw { line: at(document, part), what, fix: format!("add `audit_level: {needed}` to the rule") })
}

fn logsource(document: &Document, rule: &SigmaRule) -> Option<Flaw> {
    let source = &rule.logsource;
    let product = source.product.as_deref().unwrap_or("kubernetes");
    let service = source.service.as_deref().unwrap_or("audit");
    if product.eq_ignore_ascii_case("kubernetes") && service.eq_ignore_ascii_case("audit") {
        return None;
    }
    let what = format!("the rule is meant for other logs: product {product}, service {service}");
    let fix = "write `product: kubernetes` and `service: audit` if it is for audit events".to_owned();
    Some(Flaw { line: find::key(document, "logsource"), what, fix })
}

fn speaks_of(branch: &Branch<'_>, field: &str) -> bool {
    branch.asked.iter().chain(&branch.refused).any(|part| part.field() == Some(field))
}

/// The line of `field` in this branch.
fn line(document: &Document, branch: &Branch<'_>, field: &str) -> Option<usize> {
    at(document, branch.asked.iter().find(|part| part.field() == Some(field))?)
}

fn subresource(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let resources = left(branch, "objectRef.resource")?;
    let creates = left(branch, "verb").is_some_and(|verbs| verbs.iter().any(|verb| verb == "create"));
    if !creates
        || ["objectRef.subresource", "requestURI", "sundew.path"].iter().any(|field| speaks_of(branch, field))
    {
        return None;
    }
    let (resource, also) = ALSO.iter().find(|(resource, _)| resources.iter().any(|r| r == resource))?;
    let what = format!("`create` of `{resource}` is also {also}");
    let fix = "add `objectRef.subresource: null`".to_owned();
    Some(Flaw { line: line(document, branch, "objectRef.resource"), what, fix })
}

/// Only one of the two ways to open a connection.
fn one_way(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let subs = left(branch, "objectRef.subresource")?;
    let long: Vec<_> = subs.iter().filter(|sub| LONG.contains(&sub.as_str())).map(String::as_str).collect();
    if long.is_empty() {
        return None;
    }
    let verbs = left(branch, "verb")?;
    let has = |verb: &str| verbs.iter().any(|v| v == verb);
    let what = match (has("create"), has("get")) {
        (true, false) => "since kubectl 1.31 it is `get`, over a WebSocket",
        (false, true) => "for kubectl before 1.31 and many other clients it is `create`, over SPDY",
        _ => return None,
    };
    let what = format!("{} is not always this verb: {what}", long.join(", "));
    let fix = "write `verb: [create, get]`".to_owned();
    Some(Flaw { line: line(document, branch, "verb"), what, fix })
}

/// Only the last stage of requests that take long, or that end early.
fn late(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    if !only(branch, "stage", &["responsecomplete"]) {
        return None;
    }
    let holds = |field: &str, value: &str| {
        left(branch, field).is_some_and(|left| left.iter().any(|held| held == value))
    };
    let what = if holds("responseStatus.code", "401") {
        "a 401 has the stage `ResponseStarted`: it is missed"
    } else if only(branch, "objectRef.subresource", LONG) || holds("verb", "watch") {
        "a long request reaches `ResponseComplete` when it ends: until then, hours perhaps, it is missed"
    } else {
        return None;
    };
    let fix = "leave `stage` out: the two events of one request are joined".to_owned();
    Some(Flaw { line: line(document, branch, "stage"), what: what.to_owned(), fix })
}

fn user_agent(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let negated =
        |part: &&Part<'_>| matches!(part.line, Line::Item(item) if item.field.has_modifier(Modifier::Neq));
    let mut parts = branch.refused.iter().chain(branch.asked.iter().filter(negated));
    let part = parts.find(|part| part.field() == Some("userAgent"))?;
    let what =
        "the user agent is free text: whoever writes the one that is left out here is not seen".to_owned();
    let fix = "leave out by `user.username`, `sundew.actor.kind` or `sundew.peer`".to_owned();
    Some(Flaw { line: at(document, part), what, fix })
}

/// A line that can never be met, in a rule that can match all the same.
pub(super) fn idle_line(document: &Document, part: &Part<'_>) -> Option<Flaw> {
    let flaw = dead::line(document, part)?;
    let what = format!("{}, so that `{}` is never met", flaw.what, part.selection);
    Some(Flaw { what, ..flaw })
}
