//! Why a rule can never match.

use rsigma_parser::{ArrayQuantifier, DetectionItem};

use super::{
    Flaw,
    ask::{self, Ask},
    branch::{Branch, Line, Part},
    find, names, words,
};
use crate::{
    AuditLevel,
    field::{Field, Place, Reckoned},
    load::Document,
};

/// The subresources that open a connection, by `create` with SPDY and by `get` with a WebSocket.
pub(super) const LONG: &[&str] = &["exec", "attach", "portforward"];

/// Why this line can never be met.
pub(super) fn line(document: &Document, part: &Part<'_>) -> Option<Flaw> {
    let name = part.field()?;
    let known = Field::parse(name).ok()?.is_known();
    let Line::Item(item) = part.line else {
        let Line::List(_, quantifier) = part.line else { return None };
        let asks = matches!(quantifier, ArrayQuantifier::Any | ArrayQuantifier::All);
        return (!known && asks).then(|| unknown(document, part, name));
    };
    match ask::of(item) {
        Ask::Exists(false) => None,
        _ if !known && !item.field.has_modifier(rsigma_parser::Modifier::Neq) => {
            Some(unknown(document, part, name))
        }
        Ask::Text(_) => {
            let all = item.field.has_modifier(rsigma_parser::Modifier::All);
            let flaws: Vec<_> = values(document, part, name, item).collect();
            let met = item.values.len() - flaws.len();
            (met == 0 || all && !flaws.is_empty()).then(|| flaws.into_iter().next()).flatten()
        }
        Ask::Exists(true) | Ask::Other => None,
    }
}

fn unknown(document: &Document, part: &Part<'_>, name: &str) -> Flaw {
    let fix = names::meant(name).map(|meant| format!("write `{meant}`")).unwrap_or_default();
    Flaw {
        line: find::field(document, part.selection, name),
        what: format!("audit events have no field `{name}`"),
        fix,
    }
}

/// The values in this line that its field never has.
pub(super) fn values<'f>(
    document: &'f Document,
    part: &'f Part<'_>,
    name: &'f str,
    item: &'f DetectionItem,
) -> impl Iterator<Item = Flaw> + 'f {
    let words = words::of(name);
    item.values.iter().filter_map(move |value| {
        let Ask::Text(text) = ask::of(item) else { return None };
        let fix = match &words {
            Some(words) if words.iter().any(|word| text.fits(value, word)) => return None,
            Some(_) => words::meant(name, &ask::written(value)),
            None => text
                .only(value)
                .and_then(|only| words::impossible(name, &only))
                .or_else(|| words::impossible_start(name, &text.start(value)))?,
        };
        let written = ask::written(value);
        let line = find::value(document, part.selection, name, &written);
        Some(Flaw { line, what: format!("`{name}` is never `{written}`"), fix })
    })
}

/// Why this way of meeting the condition is none, though each of its lines can be met.
pub(super) fn branch(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    if let Some(name) = branch.met.iter().find(|name| branch.unmet.contains(name)) {
        let what = format!("`{name}` must be met and must not");
        return Some(Flaw {
            line: find::key(document, "detection"),
            what,
            fix: "mend the condition".to_owned(),
        });
    }
    contradiction(document, branch)
        .or_else(|| wrong_verb(document, branch))
        .or_else(|| too_early(document, branch))
        .or_else(|| too_low(document, branch))
}

/// The values that `field` may still have in this branch; none where nothing is known of them.
pub(super) fn left(branch: &Branch<'_>, field: &str) -> Option<Vec<String>> {
    let asked: Vec<_> = lines(branch, field).map(|(_, item, text)| (item, text)).collect();
    let exact = |(item, text): &(&DetectionItem, ask::Text)| {
        item.values.iter().map(|value| text.only(value)).collect::<Option<Vec<String>>>()
    };
    if asked.is_empty() {
        return None;
    }
    let mut left = words::of(field).or_else(|| asked.iter().find_map(exact))?;
    left.retain(|held| {
        asked.iter().all(|(item, text)| {
            let mut values = item.values.iter();
            if text.all {
                values.all(|value| text.fits(value, held))
            } else {
                values.any(|value| text.fits(value, held))
            }
        })
    });
    left.iter_mut().for_each(|held| *held = held.to_lowercase());
    Some(left)
}

/// Whether the field may still have values, all of which are among `set`.
pub(super) fn only(branch: &Branch<'_>, field: &str, set: &[&str]) -> bool {
    left(branch, field)
        .is_some_and(|left| !left.is_empty() && left.iter().all(|held| set.contains(&held.as_str())))
}

fn lines<'b, 'r>(
    branch: &'b Branch<'r>,
    field: &'b str,
) -> impl Iterator<Item = (Part<'r>, &'r DetectionItem, ask::Text)> + 'b {
    branch.asked.iter().filter_map(move |part| match part.line {
        Line::Item(item) if part.field() == Some(field) => match ask::of(item) {
            Ask::Text(text) => Some((*part, item, text)),
            _ => None,
        },
        _ => None,
    })
}

fn contradiction(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let fields = branch.asked.iter().filter_map(|part| Some((part, part.field()?)));
    for (part, name) in fields {
        if !Field::parse(name).is_ok_and(|field| is_single(&field)) {
            continue;
        }
        let Some(left) = left(branch, name) else { continue };
        let absent = absence(branch, name);
        if !left.is_empty() && !absent {
            continue;
        }
        let two =
            if absent { "is asked to be absent and to have one" } else { "is asked to have two that differ" };
        // The last of them is where somebody reads that it cannot be.
        let last = branch.asked.iter().rev().find(|part| part.field() == Some(name)).unwrap_or(part);
        let line = find::field(document, last.selection, name);
        let what = format!("`{name}` has one value at most, and {two}");
        let fix = "put the values under one key as a list, or into selections joined by `or`";
        return Some(Flaw { line, what, fix: fix.to_owned() });
    }
    None
}

fn absence(branch: &Branch<'_>, field: &str) -> bool {
    branch.asked.iter().any(|part| match part.line {
        Line::Item(item) => part.field() == Some(field) && ask::of(item) == Ask::Exists(false),
        Line::List(..) => false,
    })
}

fn is_single(field: &Field) -> bool {
    match &field.place {
        Place::Text(_) | Place::Code | Place::Annotation(_) => true,
        Place::Reckoned(reckoned) => *reckoned != Reckoned::Argv,
        _ => false,
    }
}

/// Resources that are not kept but answered: they can only be created.
const REVIEWS: &[&str] = &[
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "selfsubjectreviews",
    "subjectaccessreviews",
    "localsubjectaccessreviews",
    "tokenreviews",
];

fn wrong_verb(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let verbs = left(branch, "verb")?;
    let none_of = |able: &[&str]| !verbs.iter().any(|verb| able.contains(&verb.as_str()));
    let rules: &[(&str, &[&str], &[&str], &str)] = &[
        ("objectRef.subresource", LONG, &["create", "get"], "`create`, and since kubectl 1.31 `get`"),
        ("objectRef.subresource", &["token", "binding", "eviction"], &["create"], "`create`"),
        ("objectRef.subresource", &["log"], &["get"], "`get`"),
        ("objectRef.resource", REVIEWS, &["create"], "`create`"),
    ];
    let (field, _, _, able) =
        rules.iter().find(|(field, names, able, _)| only(branch, field, names) && none_of(able))?;
    let part = lines(branch, "verb").next()?.0;
    let of = left(branch, field)?.join(", ");
    let what = format!("`verb` is never {} where `{field}` is {of}", verbs.join(" or "));
    Some(Flaw { line: find::field(document, part.selection, "verb"), what, fix: format!("it is {able}") })
}

/// What is asked of an answer at a stage that comes before it.
fn too_early(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let line = |field| find::field(document, lines(branch, field).next()?.0.selection, field);
    if only(branch, "stage", &["requestreceived"]) {
        let answer = |field: &&str| field.starts_with("response") || *field == "sundew.allowed";
        let asked = branch
            .asked
            .iter()
            .filter(|part| !matches!(part.line, Line::Item(item) if ask::of(item) == Ask::Exists(false)));
        let field = asked.filter_map(Part::field).find(answer)?;
        let what = format!("at stage `RequestReceived` there is no `{field}` yet");
        return Some(Flaw { line: line("stage"), what, fix: "leave `stage` out".to_owned() });
    }
    let refused = only(branch, "responseStatus.code", &["401"])
        || only(branch, "sundew.actor.kind", &["unauthenticated"]);
    if refused && only(branch, "stage", &["responsecomplete", "requestreceived"]) {
        let what = "a 401 has the stage `ResponseStarted`, never `ResponseComplete`".to_owned();
        return Some(Flaw { line: line("stage"), what, fix: "leave `stage` out".to_owned() });
    }
    None
}

/// What is asked of a body at a level that has none.
fn too_low(document: &Document, branch: &Branch<'_>) -> Option<Flaw> {
    let levels = left(branch, "level")?;
    let highest = [AuditLevel::RequestResponse, AuditLevel::Request, AuditLevel::Metadata]
        .into_iter()
        .find(|level| levels.contains(&level.as_str().to_lowercase()))?;
    let needed = |part: &&Part<'_>| {
        part.field()
            .and_then(|name| Field::parse(name).ok())
            .is_some_and(|field| field.audit_level() > highest)
    };
    let part = branch.asked.iter().find(needed)?;
    let field = part.field()?;
    let what = format!("at level `{}` there is no `{field}`", highest.as_str());
    Some(Flaw {
        line: find::field(document, part.selection, field),
        what,
        fix: "leave `level` out".to_owned(),
    })
}
