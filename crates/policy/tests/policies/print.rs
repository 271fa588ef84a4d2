//! Printing: what is printed reads back.

use proptest::{collection::vec, option, prelude::*, sample::subsequence};
use sundew_policy::{Level, Policy, Resources, Rule, Stage, read};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(:[a-z.-]{1,8}){0,3}",
        "[a-z]{1,6}/[a-z*]{1,6}",
        prop::sample::select(vec![
            "", "y", "No", "on", "null", "~", "1", "1e3", "0x1f", ".5", "*", "&a", "- b", "a: b", "a #b",
            "'", "\"", "\\", "<<", "=", "1:30"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn group() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("*".to_owned()), "[a-z][a-z0-9]{0,8}(\\.[a-z0-9]{1,5}){0,3}"]
}

fn resources() -> impl Strategy<Value = Resources> {
    (group(), vec(word(), 0..4), vec(word(), 0..3)).prop_map(|(group, resources, names)| {
        let names = if resources.is_empty() { Vec::new() } else { names };
        Resources { group, resources, names }
    })
}

fn stages() -> impl Strategy<Value = Vec<Stage>> {
    subsequence(Stage::ALL.to_vec(), 0..=4)
}

fn rule() -> impl Strategy<Value = Rule> {
    let who = (vec(word(), 0..4), vec(word(), 0..3), vec(word(), 0..9));
    let what = (any::<bool>(), vec(resources(), 0..3), vec(word(), 0..3), vec("/[a-z/.]{0,20}\\*?", 0..3));
    let how =
        (prop::sample::select(Level::ALL.to_vec()), stages(), option::of(any::<bool>()), any::<String>());
    (who, what, how).prop_map(
        |(
            (users, groups, verbs),
            (paths, resources, namespaces, urls),
            (level, omit_stages, omit, comment),
        )| {
            let objects =
                (if paths { Vec::new() } else { resources }, if paths { Vec::new() } else { namespaces });
            Rule {
                users,
                groups,
                verbs,
                resources: objects.0,
                namespaces: objects.1,
                urls: if paths { urls } else { Vec::new() },
                omit_stages,
                omit_managed_fields: omit,
                comment,
                ..Rule::new(level)
            }
        },
    )
}

fn policy() -> impl Strategy<Value = Policy> {
    (stages(), any::<bool>(), vec(rule(), 1..6)).prop_map(|(omit_stages, omit_managed_fields, rules)| {
        Policy { omit_stages, omit_managed_fields, rules }
    })
}

/// Without what is not kept.
fn plain(mut policy: Policy) -> Policy {
    for rule in &mut policy.rules {
        rule.line = 0;
        rule.comment.clear();
    }
    policy
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(policy in policy()) {
        let text = policy.yaml();
        let read = read("policy.yaml", &text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(read.remarks.len(), 0, "{:?}\n{}", read.remarks, text);
        prop_assert_eq!(plain(read.policy), plain(policy), "{}", text);
    }
}

#[test]
fn comments_stand_above_their_rules_and_long_lists_go_into_lines() {
    let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let leases = Rule {
        users: of(&["system:apiserver"]),
        resources: vec![Resources {
            group: "coordination.k8s.io".into(),
            resources: of(&["leases"]),
            names: of(&["no"]),
        }],
        comment: "The loudest ordinary work.".into(),
        ..Rule::new(Level::None)
    };
    let bodies = Rule {
        verbs: of(&["create", "update", "patch"]),
        resources: vec![
            Resources {
                group: String::new(),
                resources: of(&["pods", "pods/ephemeralcontainers"]),
                names: vec![],
            },
            Resources { group: "rbac.authorization.k8s.io".into(), ..Resources::default() },
        ],
        omit_managed_fields: Some(false),
        comment: "What pods take.\nAnd what roles allow.".into(),
        ..Rule::new(Level::RequestResponse)
    };
    let names: Vec<String> = (0..12).map(|n| format!("system:serviceaccount:shop:account-{n}")).collect();
    let many = Rule { users: names, ..Rule::new(Level::None) };
    let policy = Policy {
        omit_stages: vec![Stage::RequestReceived],
        omit_managed_fields: true,
        rules: vec![leases, bodies, many, Rule::new(Level::Metadata)],
    };
    insta::assert_snapshot!(policy.yaml());
}
