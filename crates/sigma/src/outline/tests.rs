//! What rules could say of requests of which only the outline is known.

use super::*;
use crate::Source;

/// The rules of `detections`, each the YAML of a detection.
fn rules(detections: &[&str]) -> RuleSet {
    let text = |(at, detection): (usize, &&str)| Source {
        name: format!("{at}.yml"),
        text: format!(
            "title: R{at}\nname: r{at}\nlogsource: {{product: kubernetes, service: audit}}\n{detection}\n"
        ),
    };
    let loaded = RuleSet::load(&detections.iter().enumerate().map(text).collect::<Vec<_>>());
    assert_eq!(loaded.errors, []);
    loaded.set
}

fn pods(verb: &'static str, level: AuditLevel) -> Outline<'static> {
    let about = About::Resource {
        group: Word::Is(""),
        resource: Word::Is("pods"),
        subresource: "",
        namespace: None,
        name: None,
        holds_pods: true,
    };
    Outline {
        who: Who::Anybody,
        verb: Some(verb),
        about: Some(about),
        stage: None,
        level,
        answer_alone: false,
        code: None,
    }
}

#[test]
fn what_reads_a_body_needs_the_level_at_which_it_is_logged() {
    let rules = rules(&[
        "detection: {a: {verb: create, objectRef.resource: pods, sundew.pod.hostPID: true}, condition: a}",
        "detection: {a: {verb: create, responseObject.kind: Pod}, condition: a}",
        "detection: {a: {verb: create}, b: {requestObject.kind: Pod}, condition: a and not b}",
    ]);
    let [pid, answer, unlike] = [0, 1, 2].map(RuleId);
    for (rule, at) in [
        (pid, [Possible::No, Possible::Maybe, Possible::Maybe]),
        (answer, [Possible::No, Possible::No, Possible::Maybe]),
        (unlike, [Possible::Yes, Possible::Maybe, Possible::Maybe]),
    ] {
        let levels = [AuditLevel::Metadata, AuditLevel::Request, AuditLevel::RequestResponse];
        assert_eq!(levels.map(|level| rules.possible(rule, &pods("create", level))), at, "{rule:?}");
    }
    // What the answer shows by itself, and what it does not.
    let alone = Outline { answer_alone: true, ..pods("create", AuditLevel::RequestResponse) };
    assert_eq!([pid, answer].map(|rule| rules.possible(rule, &alone)), [Possible::No, Possible::Maybe]);
    // What only reads sends no body, whatever is logged.
    assert_eq!(rules.possible(pid, &pods("get", AuditLevel::RequestResponse)), Possible::No);
}

#[test]
fn what_is_compared_with_a_body_that_is_not_there_is_like_nothing() {
    let rules =
        rules(&["detection: {a: {sundew.actor.name|fieldref: requestObject.subjects.name}, condition: a}"]);
    assert_eq!(rules.possible(RuleId(0), &pods("create", AuditLevel::Metadata)), Possible::No);
    assert_eq!(rules.possible(RuleId(0), &pods("create", AuditLevel::Request)), Possible::Maybe);
}

#[test]
fn a_name_tells_what_kind_of_actor_it_is_and_rules_that_ask_for_it() {
    let rules = rules(&[
        "detection: {a: {sundew.actor.kind: workload}, condition: a}",
        "detection: {a: {user.username: 'system:serviceaccount:shop:web'}, condition: a}",
        "detection: {a: {sundew.actor.namespace: shop}, condition: a}",
    ]);
    let of = |who| {
        [0, 1, 2].map(|at| rules.possible(RuleId(at), &Outline { who, ..pods("get", AuditLevel::Metadata) }))
    };
    use Possible::{Maybe, No, Yes};
    assert_eq!(of(Who::Anybody), [Maybe; 3]);
    assert_eq!(of(Who::Nobody), [No; 3]);
    assert_eq!(of(Who::Named("system:serviceaccount:shop:web")), [Yes; 3]);
    assert_eq!(of(Who::Named("system:serviceaccount:shop:api")), [Yes, No, Yes]);
    assert_eq!(of(Who::Named("system:kube-scheduler")), [No; 3]);
    let told = |user| rules.told_of(Who::Named(user));
    assert_eq!(told("system:serviceaccount:shop:api"), told("system:serviceaccount:shop:db"));
    assert_ne!(told("system:serviceaccount:shop:api"), told("system:serviceaccount:shop:web"));
    assert_ne!(told("system:serviceaccount:shop:api"), told("system:serviceaccount:ops:api"));
}

#[test]
fn a_resource_that_no_rule_names_is_met_by_parts_of_names_alone() {
    let rules = rules(&[
        "detection: {a: {objectRef.resource: pods}, condition: a}",
        "detection: {a: {objectRef.resource|contains: policies}, condition: a}",
        "detection: {a: {verb: get}, condition: a}",
        "detection: {a: {sundew.path: /version}, condition: a}",
    ]);
    let about = Some(About::Resource {
        group: Word::Unnamed,
        resource: Word::Unnamed,
        subresource: "",
        namespace: None,
        name: None,
        holds_pods: true,
    });
    let outline = Outline { about, ..pods("get", AuditLevel::Metadata) };
    use Possible::{Maybe, No, Yes};
    assert_eq!([0, 1, 2, 3].map(|at| rules.possible(RuleId(at), &outline)), [No, Maybe, Yes, Maybe]);
    let url = Outline { about: Some(About::Url(Word::Is("/version"))), ..outline };
    assert_eq!([0, 1, 2, 3].map(|at| rules.possible(RuleId(at), &url)), [No, No, Yes, Yes]);
}

#[test]
fn a_correlation_can_be_met_by_what_its_parts_can_be_met_by() {
    let rules = rules(&[
        "detection: {a: {verb: create, objectRef.resource: pods}, condition: a}",
        "detection: {a: {verb: delete}, condition: a}",
        "correlation: {type: temporal, rules: [r0, r1], group-by: [user.username], timespan: 10m}",
    ]);
    let story = rules.find("r2").unwrap();
    assert_eq!(rules.parts(story), [RuleId(0), RuleId(1)]);
    assert_eq!(rules.parts(RuleId(0)), [RuleId(0)]);
    for (verb, is) in [("create", Possible::Maybe), ("delete", Possible::Maybe), ("get", Possible::No)] {
        assert_eq!(rules.possible(story, &pods(verb, AuditLevel::Metadata)), is, "{verb}");
    }
    assert_eq!(rules.words(RuleId(0)).resources, BTreeSet::from(["pods".to_owned()]));
}
