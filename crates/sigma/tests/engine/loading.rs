//! Rule sets: what a rule says about itself, and what cannot be loaded.

use sundew_sigma::{AuditLevel, Kind, Level, RuleSet, Source};

use crate::{load, rule};

fn source(name: &str, text: impl Into<String>) -> Source {
    Source { name: name.into(), text: text.into() }
}

#[test]
fn a_rule_tells_all_about_itself() {
    let loaded = load(
        "title: A shell\nname: shell\nid: aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\nstatus: stable\nlevel: high\n\
         description: |\n  Two\n  lines.\nreferences: [https://example.org]\nfalsepositives: [people]\n\
         tags: [attack.execution, attack.t1609, attack.t1059.004, cve.2024-1]\nfix: Look.\naudit_level: Request\n\
         unseen: What it did.\ndetection:\n  selection: {verb: get}\n  condition: selection\n",
    );
    assert_eq!(loaded.errors, []);
    let rule = &loaded.set.rules()[0];
    assert_eq!((rule.name.as_str(), rule.level, rule.kind), ("shell", Level::High, Kind::Detection));
    assert_eq!(rule.description, "Two\nlines.");
    assert_eq!(rule.attack, ["T1609", "T1059.004"]);
    assert_eq!(rule.fix.as_deref(), Some("Look."));
    assert_eq!(rule.unseen.as_deref(), Some("What it did."));
    assert_eq!(rule.audit_level, AuditLevel::Request);
    assert_eq!(
        (rule.status.as_deref(), rule.file.as_str(), rule.silent),
        (Some("stable"), "rules.yml", false)
    );
    let id = loaded.set.find("shell").unwrap();
    assert_eq!(loaded.set.find("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"), Some(id));
    assert_eq!(loaded.set.rule(id).title, "A shell");
}

#[test]
fn the_audit_level_follows_from_the_fields_unless_it_is_said() {
    for (selection, level) in [
        ("{verb: get, annotations.x: y}", AuditLevel::Metadata),
        ("{requestObject.a: x}", AuditLevel::Request),
        ("{sundew.pod.hostPID: true}", AuditLevel::Request),
        ("{responseObject.a: x}", AuditLevel::RequestResponse),
        ("{verb|fieldref: sundew.body.verb}", AuditLevel::Request),
    ] {
        assert_eq!(load(&rule(selection)).set.rules()[0].audit_level, level, "{selection}");
    }
    let loaded = load(&format!("{}audit_level: Everything\n", rule("{verb: get}")));
    assert_eq!(
        loaded.errors[0].to_string(),
        "rules.yml:5 (rule `Rule`): `audit_level` is no level of audit policies; write Metadata, Request or \
         RequestResponse"
    );
}

#[test]
fn of_two_rules_with_one_name_none_is_used_and_both_places_are_told() {
    let named = |title: &str| {
        format!("title: {title}\nname: twin\n{}", &rule("{verb: get}")["title: Rule\n".len()..])
    };
    let sources = [
        source("a.yml", named("A")),
        source("b.yml", format!("# note\n{}", named("B"))),
        source("c.yml", rule("{verb: get}")),
    ];
    let loaded = RuleSet::load(&sources);
    let told: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a.yml:2 (rule `A`): `twin` is also the name or id of a rule in b.yml:1; give each rule its own; until then \
             none is used",
            "b.yml:3 (rule `B`): `twin` is also the name or id of a rule in a.yml:1; give each rule its own; until then \
             none is used",
        ]
    );
    assert_eq!(loaded.set.rules().iter().map(|rule| rule.file.as_str()).collect::<Vec<_>>(), ["c.yml"]);
}

#[test]
fn one_rule_that_cannot_be_used_leaves_the_others_alone() {
    let sources = [
        source("a.yml", rule("{verb|re: '('}").replace("Rule", "Broken")),
        source("b.yml", rule("{verb: get}")),
        source("c.yml", "a: ["),
    ];
    let loaded = RuleSet::load(&sources);
    assert_eq!(loaded.set.rules().len(), 1);
    assert_eq!(loaded.errors.iter().map(|error| error.file.as_str()).collect::<Vec<_>>(), ["c.yml", "a.yml"]);
}

#[test]
fn large_expressions_that_would_add_up_are_refused() {
    let text: String = (0..15)
        .map(|at| format!("---\n{}", rule(r"{verb|re: '\w{25}'}").replace("Rule", &format!("r{at}"))))
        .collect();
    let loaded = load(&text);
    assert_eq!(loaded.set.rules().len(), 11);
    let told = loaded.errors[0].to_string();
    assert!(told.contains("(rule `r11`): the regular expressions of all rules would need about"), "{told}");
}

#[test]
fn only_rules_that_read_ids_or_times_are_volatile() {
    for (selection, volatile) in [
        ("{verb: get}", false),
        ("[keyword]", false),
        ("{auditID: x}", true),
        ("{requestReceivedTimestamp|hour: 3}", true),
        ("{objectRef.resourceVersion|exists: true}", true),
        ("{verb|fieldref: stageTimestamp}", true),
        ("{sundew.query.resourceVersion: '0'}", true),
        ("{sundew.query.limit: '500'}", false),
        ("{requestURI|contains: 'resourceVersion=0'}", true),
        ("{requestURI|re: '[?&]timeoutSeconds=[0-9]{4}'}", true),
        ("{requestURI|contains: '/exec?'}", false),
        ("{requestObject.metadata.resourceVersion: x}", false),
    ] {
        assert_eq!(load(&rule(selection)).set.reads_volatile(), volatile, "{selection}");
    }
}

#[test]
fn nothing_is_loaded_from_nothing() {
    for text in ["", "---\n---\n", "# only a note\n", "\u{feff}"] {
        let loaded = load(text);
        assert_eq!((loaded.set.rules().len(), loaded.errors.len()), (0, 0), "{text:?}");
    }
}
