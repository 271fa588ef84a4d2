//! What each rule needs, by the rule itself: at which least level an event of a kind of request can meet it.

use sundew_detect::Rulebook;
use sundew_sigma::{AuditLevel, Outline, Possible, RuleId, RuleSet, Who};

use super::shapes::{Shape, Thing};
use crate::model::Level;

/// The levels of a rule, least first.
const LEVELS: [AuditLevel; 3] = [AuditLevel::Metadata, AuditLevel::Request, AuditLevel::RequestResponse];

/// The least level at which some event of these requests meets a rule; none where none does.
pub(super) fn least(rules: &RuleSet, rule: RuleId, thing: &Thing, verb: &str, who: Who<'_>) -> Option<Level> {
    let about = Some(thing.about());
    let can = |level: AuditLevel, answer_alone: bool| {
        let outline = Outline { who, verb: Some(verb), about, stage: None, level, answer_alone, code: None };
        rules.possible(rule, &outline) != Possible::No
    };
    let least = LEVELS.into_iter().find(|level| can(*level, false))?;
    // What a patch leaves as it was, such as the role of a binding, stands in the answer alone.
    let partial = verb == "patch" && least == AuditLevel::Request;
    let more = partial && can(AuditLevel::RequestResponse, true);
    Some(level(if more { AuditLevel::RequestResponse } else { least }))
}

/// Whether any request for a thing can meet a rule, whatever the verb and the level.
pub(super) fn concerns(rules: &RuleSet, rule: RuleId, thing: &Thing) -> bool {
    let about = Some(thing.about());
    let level = AuditLevel::RequestResponse;
    let any = |level| Outline {
        who: Who::Anybody,
        verb: None,
        about,
        stage: None,
        level,
        answer_alone: false,
        code: None,
    };
    // A rule for logs without bodies asks for level Metadata, and for nothing else.
    [level, AuditLevel::Metadata].into_iter().any(|level| rules.possible(rule, &any(level)) != Possible::No)
}

/// Whether a rule is about requests whose credential was refused, and about no others.
pub(super) fn is_about_nobody(rules: &RuleSet, rule: RuleId, other: &Thing) -> bool {
    let can = |who, code| {
        let about = Some(other.about());
        let level = AuditLevel::Metadata;
        let outline =
            Outline { who, verb: None, about, stage: None, level, answer_alone: false, code: Some(code) };
        rules.possible(rule, &outline) != Possible::No
    };
    can(Who::Nobody, 401)
        && ![101, 200, 201, 403, 404, 409, 422, 500].into_iter().any(|code| can(Who::Anybody, code))
}

/// What a detection needs: shape by shape the least level. A list for each of the rule's shapes.
pub(super) fn asks(rules: &RuleSet, rule: RuleId, shapes: &[Shape]) -> Vec<(u32, Level)> {
    let mut asks = Vec::new();
    let mut last: Option<(&Thing, bool)> = None;
    for (at, shape) in (0u32..).zip(shapes) {
        let concerned = match last {
            Some((thing, concerned)) if *thing == *shape.thing => concerned,
            _ => concerns(rules, rule, &shape.thing),
        };
        last = Some((&shape.thing, concerned));
        if concerned {
            asks.extend(least(rules, rule, &shape.thing, shape.verb, Who::Anybody).map(|level| (at, level)));
        }
    }
    asks
}

/// The rules that are told of, each with the detections that it is made of: itself, or what a correlation counts.
pub(super) fn told(book: &Rulebook) -> impl Iterator<Item = (RuleId, Vec<RuleId>)> + '_ {
    let all = (0u32..).map(RuleId).take(book.set.rules().len());
    all.filter(|rule| book.tells(*rule)).map(|rule| (rule, book.set.parts(rule)))
}

fn level(level: AuditLevel) -> Level {
    match level {
        AuditLevel::Metadata => Level::Metadata,
        AuditLevel::Request => Level::Request,
        AuditLevel::RequestResponse => Level::RequestResponse,
    }
}
