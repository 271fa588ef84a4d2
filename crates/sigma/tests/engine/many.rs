//! Many rules at once: the index leaves out only what could not be met.

use std::fmt::Write as _;

use sundew_audit::parse;

use crate::load;

/// A thousand rules, each for a namespace, a verb and a kind of actor of its own.
fn thousand() -> String {
    let mut text = String::new();
    for at in 0..1_000 {
        let verb = ["get", "list", "watch", "create", "delete"][at % 5];
        write!(
            text,
            "---\ntitle: rule {at}\ndetection:\n  sel: {{verb: {verb}, objectRef.namespace: team-{at}}}\n  \
             own: {{user.username|endswith: ':own-{at}'}}\n  condition: sel and not own\n"
        )
        .expect("a String takes everything");
    }
    text
}

#[test]
fn of_a_thousand_rules_those_are_met_that_should_be() {
    let loaded = load(&thousand());
    assert_eq!(loaded.errors, []);
    assert_eq!(loaded.set.rules().len(), 1_000);
    for at in 0..1_000 {
        let verb = ["get", "list", "watch", "create", "delete"][at % 5];
        for (user, verb, count) in [("a:b", verb, 1), (&*format!("a:own-{at}"), verb, 0), ("a:b", "patch", 0)]
        {
            let json = format!(
                r#"{{"verb":"{verb}","user":{{"username":"{user}"}},"objectRef":{{"namespace":"Team-{at}"}}}}"#
            );
            let mut hits = Vec::new();
            loaded.set.judge(&parse::event(&json).unwrap(), &mut hits);
            let met: Vec<_> = hits.iter().map(|hit| loaded.set.rule(hit.rule).title.clone()).collect();
            assert_eq!(met, vec![format!("rule {at}"); count], "{json}");
        }
    }
}

#[test]
fn hits_come_in_the_order_of_the_rules() {
    let text: String = (0..200)
        .map(|at| format!("---\ntitle: r{at}\ndetection: {{sel: {{verb: [get, v{at}]}}, condition: sel}}\n"))
        .collect();
    let loaded = load(&text);
    let mut hits = Vec::new();
    loaded.set.judge(&parse::event(r#"{"verb":"get"}"#).unwrap(), &mut hits);
    assert_eq!(hits.iter().map(|hit| hit.rule.0).collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
}

#[test]
fn more_values_than_are_told_apart_are_still_met() {
    let names: Vec<_> = (0..5_000).map(|at| format!("n{at}")).collect();
    let text = format!(
        "title: many\ndetection: {{sel: {{objectRef.name: [{0}]}}, other: {{objectRef.name|neq: [{0}]}}, condition: sel}}\n",
        names.join(", ")
    );
    let loaded = load(&text);
    for (name, count) in [("n0", 1), ("N4999", 1), ("n5000", 0)] {
        let mut hits = Vec::new();
        let json = format!(r#"{{"objectRef":{{"name":"{name}"}}}}"#);
        loaded.set.judge(&parse::event(&json).unwrap(), &mut hits);
        assert_eq!(hits.len(), count, "{name}");
    }
}
