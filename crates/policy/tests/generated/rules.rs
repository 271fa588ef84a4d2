//! Rules need what they say they need: their own events meet them under the policy that is generated, and not a level below.

use std::collections::{BTreeMap, BTreeSet};

use sundew_audit::Event;
use sundew_detect::rules::{
    pack,
    proof::{prove, rules_of},
};
use sundew_policy::{
    Level, Policy,
    generate::{Why, withheld},
};
use sundew_sigma::{AuditLevel, Kind, RuleId};

use crate::given::{BOOK, NEEDS, PLAIN, all_at, below, kept, needed, shape};

/// The rules of the pack that are blind under any policy that is generated: what they read is a credential.
const WITHHELD: [&str; 4] = [
    "credentials_in_configmap",
    "long_token_requested",
    "token_secret_made",
    "token_secret_made_by_workload",
];

/// The events of a file under a policy.
fn cut_all(policy: &Policy, lines: &str) -> String {
    let kept = lines.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| kept(policy, line));
    kept.map(|line| line + "\n").collect()
}

#[test]
fn every_rule_still_matches_its_own_events_under_the_generated_policy() {
    let policy = &*PLAIN;
    let mut wrong = Vec::new();
    for entry in pack::entries() {
        let name = entry.name();
        let (_, last) = rules_of(&BOOK.set, &name).last().copied().unwrap();
        let whole = prove(&BOOK.set, &name, entry.matching, "");
        let cut = prove(&BOOK.set, &name, &cut_all(policy, entry.matching), "");
        assert_eq!(whole.problems, [], "{name}");
        let lost = whole.matching - cut.matching;
        let ok = cut.problems.is_empty() && lost == 0;
        if ok == WITHHELD.contains(&last.name.as_str()) {
            wrong.push(format!("{}: {lost} events are gone, {:?}", last.name, cut.problems));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_withheld_is_known_and_said() {
    let wholly = withheld(&NEEDS).into_iter().filter(|one| one.wholly);
    let names: BTreeSet<String> = wholly.clone().map(|one| one.name).collect();
    let expected = WITHHELD.iter().map(|name| format!("rules.{name}"));
    assert_eq!(names, expected.chain(["tripwire.token_secret_made".to_owned()]).collect());
    assert!(wholly.into_iter().all(|one| one.why == Why::Credential));
}

/// Whether an event meets a rule.
fn meets(rule: RuleId, line: &str) -> bool {
    let event = sundew_audit::parse::event(line).unwrap();
    let mut hits = Vec::new();
    BOOK.set.judge(&event, &mut hits);
    hits.iter().any(|hit| hit.rule == rule)
}

#[test]
fn a_level_less_than_a_rule_needs_of_a_request_and_its_events_do_not_meet_it() {
    // Of each rule and kind of request that it has events of: the level, and whether some event is lost below.
    let mut needs: BTreeMap<(String, Option<usize>), (Level, bool)> = BTreeMap::new();
    for entry in pack::entries() {
        for (id, rule) in rules_of(&BOOK.set, &entry.name()) {
            if rule.kind != Kind::Detection || !BOOK.tells(id) {
                continue;
            }
            let name = format!("rules.{}", rule.name);
            for line in entry.matching.lines().filter(|line| !line.trim().is_empty() && meets(id, line)) {
                let level = needed(&name, line).unwrap_or_else(|| panic!("{name} needs nothing of {line}"));
                let under = |level| kept(&all_at(level), line).is_some_and(|line| meets(id, &line));
                // Some rules see a part without bodies, and say that they need none.
                let a_part = rule.audit_level == AuditLevel::Metadata && level == Level::Metadata;
                assert!(under(level) || a_part, "{name} at {level:?}: {line}");
                let of = needs.entry((name.clone(), shape(line))).or_insert((level, false));
                of.1 |= !under(below(level));
            }
        }
    }
    let not_less: Vec<_> = needs.iter().filter(|(_, (_, lost))| !lost).collect();
    assert!(not_less.is_empty(), "less would do: {not_less:#?}");
    let bodies = needs.values().filter(|(level, _)| *level > Level::Metadata).count();
    assert!(bodies > 80 && needs.len() - bodies > 100, "{bodies} of {}", needs.len());
}

#[test]
fn a_rule_that_says_it_needs_no_body_is_not_asked_to_have_one_where_it_matches_without() {
    for (id, rule) in (0..).map(RuleId).zip(BOOK.set.rules()) {
        if rule.audit_level != AuditLevel::Metadata || !BOOK.tells(id) || rule.kind != Kind::Detection {
            continue;
        }
        let detection =
            NEEDS.detections().iter().position(|one| one.name == format!("rules.{}", rule.name)).unwrap();
        let asks: Vec<Level> = (0..NEEDS.shapes().len())
            .flat_map(|shape| NEEDS.asks(shape).iter().filter(|ask| ask.detection == detection))
            .map(|ask| ask.level)
            .collect();
        assert!(asks.contains(&Level::Metadata), "{}: {asks:?}", rule.name);
    }
}

#[test]
fn an_event_is_of_one_kind_of_request() {
    let event = |line: &'static str| -> Event<'static> { sundew_audit::parse::event(line).unwrap() };
    let (thing, verb) = crate::given::about(&event(
        r#"{"verb":"patch","requestURI":"/x","user":{},"objectRef":{"resource":"deployments","apiGroup":"apps","subresource":"scale"}}"#,
    ));
    assert_eq!((thing.to_string().as_str(), verb.as_str()), ("deployments.apps/scale", "patch"));
    let shape = NEEDS.shape_of(&thing, "patch").unwrap();
    assert_eq!(NEEDS.shapes()[shape].to_string(), "patch deployments.apps/scale");
    let (other, _) = crate::given::about(&event(
        r#"{"verb":"get","requestURI":"/x","user":{},"objectRef":{"resource":"widgets","apiGroup":"example.com"}}"#,
    ));
    assert_eq!(NEEDS.shapes()[NEEDS.shape_of(&other, "get").unwrap()].to_string(), "get any other resource");
}
