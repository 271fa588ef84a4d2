//! Whose rule counts, what is switched off, who is excepted, and how often a rule is told.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use jiff::{SignedDuration, Timestamp};
use sundew_sigma::{AuditLevel, Kind, Level, LoadError, Rule, Source};

use super::{
    Exception, RuleSettings, Rulebook, Throttle, Throttled,
    pack::{self, Entry},
};
use crate::{Actor, Detector, Finding, Request, Severity};

/// The text of a rule that any event with this verb meets.
fn text(name: &str, verb: &str) -> String {
    format!(
        "title: {name}\nname: {name}\nlogsource: {{product: kubernetes, service: audit}}\n\
         detection: {{sel: {{verb: {verb}}}, condition: sel}}\nlevel: high\n"
    )
}

/// A file with a rule and a count of it, as the pack has them.
const COUNTED: &str = "\
title: Refused
name: refused
id: 0b1c2d3e-4f50-4617-8829-3a4b5c6d7e8f
logsource: {product: kubernetes, service: audit}
detection: {sel: {responseStatus.code: 403}, condition: sel}
level: informational
---
title: Many refused
name: many_refused
id: 1c2d3e4f-5061-4728-993a-4b5c6d7e8f90
correlation: {type: event_count, rules: [refused], group-by: [user.username], timespan: 5m, condition: {gte: 3}}
level: medium
";

const SHELL: &str = "\
title: Shell
name: shell
id: 2d3e4f50-6172-4839-8a4b-5c6d7e8f9001
logsource: {product: kubernetes, service: audit}
detection: {sel: {objectRef.subresource: exec}, condition: sel}
level: high
";

const PACK: &[Entry] = &[
    Entry { path: "count/many_refused.yml", text: COUNTED, matching: "", passing: "" },
    Entry { path: "exec/shell.yml", text: SHELL, matching: "", passing: "" },
];

fn own(file: &str, text: &str) -> Source {
    Source { name: file.into(), text: text.into() }
}

fn with(own: &[Source], settings: RuleSettings) -> (Rulebook, Vec<LoadError>) {
    Rulebook::with(PACK, own, settings)
}

fn names(book: &Rulebook) -> Vec<&str> {
    let mut names: Vec<&str> = book.set.rules().iter().map(|rule| rule.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn off(names: &[&str]) -> RuleSettings {
    RuleSettings { off: names.iter().map(|name| (*name).to_owned()).collect(), ..RuleSettings::default() }
}

#[test]
fn the_pack_and_own_rules_are_used_together() {
    let (book, errors) = with(&[own("mine.yml", &text("mine", "get"))], RuleSettings::default());
    assert_eq!(errors, []);
    assert_eq!(names(&book), ["many_refused", "mine", "refused", "shell"]);
    assert_eq!(book.notes, [""; 0]);
}

#[test]
fn an_own_rule_takes_the_place_of_the_built_in_one_with_its_name_and_a_note_says_so() {
    let (book, errors) = with(&[own("mine.yml", &text("shell", "get"))], RuleSettings::default());
    assert_eq!(errors, []);
    assert_eq!(names(&book), ["many_refused", "refused", "shell"]);
    assert_eq!(book.set.rule(book.set.find("shell").unwrap()).file, "mine.yml");
    assert_eq!(book.notes, ["`shell` of mine.yml takes the place of the built-in exec/shell.yml rule"]);
}

#[test]
fn a_copy_with_another_name_takes_the_place_of_the_rule_whose_id_it_kept() {
    let copy = SHELL.replace("name: shell", "name: our_shell");
    let (book, errors) = with(&[own("mine.yml", &copy)], RuleSettings::default());
    assert_eq!(errors, []);
    assert_eq!(names(&book), ["many_refused", "our_shell", "refused"]);
    assert_eq!(book.notes.len(), 1);
}

#[test]
fn a_rule_within_a_built_in_file_can_be_replaced_and_the_others_use_the_own_one() {
    let (book, errors) = with(&[own("mine.yml", &text("refused", "get"))], RuleSettings::default());
    assert_eq!(errors, []);
    assert_eq!(names(&book), ["many_refused", "refused", "shell"]);
    let refused = book.set.rule(book.set.find("refused").unwrap());
    assert_eq!(refused.file, "mine.yml");
    assert!(refused.silent, "the built-in count is of the own rule");
    assert_eq!(
        book.notes,
        ["`refused` of mine.yml takes the place of the built-in count/many_refused.yml rule"]
    );
}

#[test]
fn the_built_in_rule_stays_where_the_own_one_of_its_name_is_broken() {
    let broken = text("shell", "get").replace("verb:", "verb|frobnicate:");
    let (book, errors) = with(&[own("mine.yml", &broken)], RuleSettings::default());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].file, "mine.yml");
    assert_eq!(names(&book), ["many_refused", "refused", "shell"]);
    assert_eq!(book.set.rule(book.set.find("shell").unwrap()).file, "built-in exec/shell.yml");
    assert_eq!(book.notes, [""; 0]);
}

#[test]
fn two_own_rules_of_one_name_are_told_of() {
    let files = [own("a.yml", &text("mine", "get")), own("b.yml", &text("mine", "list"))];
    let (_, errors) = with(&files, RuleSettings::default());
    assert!(!errors.is_empty());
    let said = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(said.contains("mine") && said.contains("b.yml"), "{said}");
}

#[test]
fn without_the_pack_there_are_own_rules_alone() {
    let settings = RuleSettings { builtin: false, ..RuleSettings::default() };
    let (book, errors) = Rulebook::new(&[own("mine.yml", &text("mine", "get"))], settings);
    assert_eq!((names(&book), errors), (vec!["mine"], vec![]));
}

#[test]
fn a_rule_that_is_off_is_not_told() {
    let (book, errors) = with(&[], off(&["shell"]));
    assert_eq!(errors, []);
    let tells = |name| book.tells(book.set.find(name).unwrap());
    assert!(!tells("shell") && tells("many_refused") && !tells("refused"));
    assert!(book.is_off(book.set.find("shell").unwrap()));
    assert_eq!(book.notes, [""; 0]);
    let (by_id, _) = with(&[], off(&["2d3e4f50-6172-4839-8a4b-5c6d7e8f9001"]));
    assert!(!by_id.tells(by_id.set.find("shell").unwrap()));
}

#[test]
fn to_switch_off_what_is_never_told_by_itself_changes_nothing_and_a_note_says_so() {
    let (book, errors) = with(&[], off(&["refused"]));
    assert_eq!(errors, []);
    assert_eq!(book.notes.len(), 1);
    assert!(book.notes[0].contains("`refused`, which is never told by itself"), "{:?}", book.notes);
}

#[test]
fn a_setting_that_names_an_unknown_rule_is_an_error_with_the_nearest() {
    let exception = Exception { rule: Some("shel".into()), ..anybody() };
    let settings = RuleSettings { exceptions: vec![exception], ..off(&["many_refusd", "frobnicate"]) };
    let (book, errors) = with(&[], settings);
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "rules.off: no rule is named `many_refusd`; did you mean `many_refused`?",
            "rules.off: no rule is named `frobnicate`; `sundew rules list` lists the names",
            "rules.exceptions: no rule is named `shel`; did you mean `shell`?",
        ]
    );
    assert_eq!(names(&book).len(), 3, "the rest is used");
}

#[test]
fn every_built_in_document_says_its_name_and_id_in_a_line_of_its_own() {
    for entry in pack::entries() {
        for document in pack::documents(entry.text) {
            assert_eq!(
                pack::names(document).count(),
                2,
                "{}: a `name:` and an `id:` at the margin",
                entry.path
            );
        }
    }
}

fn anybody() -> Exception {
    Exception { rule: None, actor: None, namespace: None, reason: "because".into(), until: None }
}

fn rule() -> Rule {
    Rule {
        name: "shell".into(),
        id: Some("2d3e".into()),
        title: "Shell".into(),
        description: String::new(),
        level: Level::High,
        attack: Vec::new(),
        false_positives: Vec::new(),
        fix: None,
        audit_level: AuditLevel::Metadata,
        unseen: None,
        references: Vec::new(),
        status: None,
        file: "shell.yml".into(),
        kind: Kind::Detection,
        silent: false,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn finding(user: Option<&str>, namespace: &str) -> Finding {
    Finding {
        time: at("2026-11-21T12:00:00Z"),
        cluster: "prod".into(),
        severity: Severity::High,
        detector: Detector::Rules,
        rule: "rules.shell".into(),
        title: "Shell".into(),
        audit_ids: Vec::new(),
        actor: Actor { user: user.map(str::to_owned), ..Actor::default() },
        decoy: None,
        attack: Vec::new(),
        request: Request { namespace: namespace.into(), ..Request::default() },
        notes: Vec::new(),
        drill: false,
        rehearsal: None,
        stage: "ResponseComplete".into(),
        stage_time: String::new(),
    }
}

#[test]
fn an_exception_holds_where_everything_that_it_names_agrees() {
    let ci = "system:serviceaccount:ci:runner";
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        (anybody(), true),
        (Exception { rule: some("shell"), ..anybody() }, true),
        (Exception { rule: some("2d3e"), ..anybody() }, true),
        (Exception { rule: some("other"), ..anybody() }, false),
        (Exception { actor: some(ci), ..anybody() }, true),
        (Exception { actor: some("system:serviceaccount:ci:run"), ..anybody() }, false),
        (Exception { actor: some("system:serviceaccount:ci:*"), ..anybody() }, true),
        (Exception { actor: some("*"), ..anybody() }, true),
        (Exception { actor: some("*:runner"), ..anybody() }, false),
        (Exception { namespace: some("shop"), ..anybody() }, true),
        (Exception { namespace: some("sho"), ..anybody() }, false),
        (Exception { namespace: some(""), ..anybody() }, false),
        (Exception { rule: some("shell"), actor: some(ci), namespace: some("bank"), ..anybody() }, false),
    ];
    for (exception, holds) in cases {
        assert_eq!(exception.holds(&rule(), &finding(Some(ci), "shop")), holds, "{exception:?}");
    }
}

#[test]
fn an_exception_ends_by_the_time_of_the_event() {
    let until = |text| Exception { until: Some(at(text)), ..anybody() };
    let finding = finding(Some("jane"), "shop");
    assert!(until("2026-11-21T12:00:00Z").holds(&rule(), &finding));
    assert!(!until("2026-11-21T11:59:59.999999Z").holds(&rule(), &finding));
}

#[test]
fn who_is_nobody_is_no_actor() {
    let anyone = Exception { actor: Some("*".into()), ..anybody() };
    assert!(!anyone.holds(&rule(), &finding(None, "shop")));
    assert!(anybody().holds(&rule(), &finding(None, "shop")));
}

#[test]
fn the_exception_that_holds_is_given_with_its_reason() {
    let not = Exception { namespace: Some("bank".into()), ..anybody() };
    let settings = RuleSettings { exceptions: vec![not, anybody()], ..RuleSettings::default() };
    let book = Rulebook { settings, ..Rulebook::default() };
    assert_eq!(book.excepted(&rule(), &finding(None, "shop")).unwrap().reason, "because");
    let none = Rulebook::default();
    assert_eq!(none.excepted(&rule(), &finding(None, "shop")), None);
}

/// What becomes of `times` findings in a row.
#[test]
fn the_noise_of_one_actor_covers_no_other() {
    let mut throttle = Throttle::default();
    take(&mut throttle, "prod", "shell", 10, "2026-11-21T12:10:00Z");
    assert_eq!(throttle.take("prod", "shell", "eve", 2, at("2026-11-21T12:10:00Z")), Throttled::Pass);
}

fn take(throttle: &mut Throttle, cluster: &str, rule: &str, times: usize, time: &str) -> Vec<Throttled> {
    (0..times).map(|_| throttle.take(cluster, rule, "mallory", 2, at(time))).collect()
}

#[test]
fn so_many_are_told_an_hour_then_that_it_is_so_then_nothing() {
    use Throttled::{Drop, First, Pass};
    let mut throttle = Throttle::default();
    let taken = take(&mut throttle, "prod", "shell", 6, "2026-11-21T12:10:00Z");
    assert_eq!(taken, [Pass, Pass, First, Drop, Drop, Drop]);
    assert_eq!(take(&mut throttle, "prod", "other", 3, "2026-11-21T12:10:00Z"), [Pass, Pass, First]);
    assert_eq!(take(&mut throttle, "test", "shell", 3, "2026-11-21T12:10:00Z"), [Pass, Pass, First]);
    assert_eq!(take(&mut throttle, "prod", "shell", 1, "2026-11-21T12:59:59Z"), [Drop]);
    assert_eq!(take(&mut throttle, "prod", "shell", 3, "2026-11-21T13:00:00Z"), [Pass, Pass, First]);
}

#[test]
fn events_out_of_order_and_a_clock_in_the_future_count_in_their_own_hour() {
    use Throttled::{Drop, First, Pass};
    let mut throttle = Throttle::default();
    let taken = take(&mut throttle, "prod", "shell", 4, "2099-01-01T00:00:00Z");
    assert_eq!(taken, [Pass, Pass, First, Drop]);
    assert_eq!(take(&mut throttle, "prod", "shell", 2, "2026-11-21T12:10:00Z"), [Pass, Pass]);
    assert_eq!(take(&mut throttle, "prod", "shell", 2, "1969-12-31T23:59:59Z"), [Pass, Pass]);
    assert_eq!(take(&mut throttle, "prod", "shell", 2, "2026-11-21T12:10:00Z"), [First, Drop]);
    assert_eq!(take(&mut throttle, "prod", "shell", 2, "1969-12-31T23:10:00Z"), [First, Drop]);
    for time in [Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(throttle.take("prod", "shell", "mallory", 2, time), Pass);
    }
}

#[test]
fn none_an_hour_tells_only_that_it_is_so() {
    let mut throttle = Throttle::default();
    let time = at("2026-11-21T12:10:00Z");
    assert_eq!(throttle.take("prod", "shell", "mallory", 0, time), Throttled::First);
    assert_eq!(throttle.take("prod", "shell", "mallory", 0, time), Throttled::Drop);
}

#[test]
fn what_was_held_back_is_said_once_the_hour_is_over() {
    let mut throttle = Throttle::default();
    take(&mut throttle, "prod", "shell", 10, "2026-11-21T12:10:00Z");
    take(&mut throttle, "prod", "quiet", 3, "2026-11-21T12:10:00Z");
    take(&mut throttle, "prod", "later", 4, "2026-11-21T13:10:00Z");
    assert_eq!(throttle.ended(at("2026-11-21T12:59:59Z")), []);
    let held = throttle.ended(at("2026-11-21T13:00:00Z"));
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(
        held[0].note(),
        "in the hour from 2026-11-21 12:00 UTC 7 more findings of the rule shell about mallory were counted and not told"
    );
    assert_eq!(throttle.ended(at("2026-11-21T13:00:00Z")), []);
    assert_eq!(throttle.ended(at("2026-11-21T14:00:00Z"))[0].count, 1);
}

#[test]
fn however_many_rules_and_hours_there_are_it_stays_small_and_nothing_is_lost_of_what_was_held() {
    let mut throttle = Throttle::default();
    let start = at("2026-11-21T12:10:00Z");
    take(&mut throttle, "prod", "shell", 5, "2026-11-21T12:10:00Z");
    for hour in 1..30_000 {
        let time = start + SignedDuration::from_hours(hour);
        assert_eq!(throttle.take("prod", "other", "mallory", 2, time), Throttled::Pass);
    }
    assert!(throttle.len() <= 10_000);
    let held = throttle.ended(at("2026-11-21T13:00:00Z"));
    assert_eq!(held.iter().map(|held| (held.rule.as_str(), held.count)).collect::<Vec<_>>(), [("shell", 2)]);
}
