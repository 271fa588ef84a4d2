//! How long a policy is looked at: the example, one of 1,000 rules, and one that is made to take long.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros make undocumented items")]

use std::{fmt::Write as _, hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use sundew_detect::{RuleSettings, Rulebook};
use sundew_policy::{
    blind::blind,
    lint,
    need::{Needs, Wanted},
    read,
};

const HEAD: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n";

/// As teams that each add a few rules make it.
fn of_teams(rules: usize) -> String {
    let mut text = HEAD.to_owned();
    for at in 0..rules / 4 {
        write!(
            text,
            "- {{level: None, users: [\"system:serviceaccount:team-{at}:runner\"], verbs: [get, list, watch]}}\n\
             - {{level: Metadata, namespaces: [team-{at}], resources: [{{group: \"\", resources: [secrets, configmaps]}}]}}\n\
             - {{level: RequestResponse, namespaces: [team-{at}], verbs: [create, update, patch], resources: [{{group: apps}}, {{group: \"\", resources: [pods, services]}}]}}\n\
             - {{level: Request, userGroups: [team-{at}], verbs: [create], resources: [{{group: team-{at}.example.com}}]}}\n"
        )
        .unwrap();
    }
    text.push_str("- {level: Metadata}\n");
    text
}

/// Rules that all could take a part of each other.
fn entangled(rules: usize) -> String {
    let mut text = HEAD.to_owned();
    for at in 0..rules {
        let list = |of: usize, word: &str| {
            (0..6).map(|n| format!("{word}{}", (at * 7 + n * of) % 40)).collect::<Vec<_>>().join(", ")
        };
        writeln!(
            text,
            "- {{level: RequestResponse, users: [{}], verbs: [get, list, create], namespaces: [{}], resources: [{{group: \"\", resources: [secrets, pods, {}]}}]}}",
            list(3, "u"),
            list(5, "n"),
            list(11, "r"),
        )
        .unwrap();
    }
    text
}

fn bench(criterion: &mut Criterion) {
    let example = include_str!("../../../docs/examples/audit-policy.yaml");
    let (book, errors) = Rulebook::new(&[], RuleSettings::default());
    assert!(errors.is_empty());
    let needs = Needs::new(&Wanted { tripwire: true, rules: Some(Arc::new(book)), habits: true });
    for (name, text) in
        [("example", example.to_owned()), ("1000 rules", of_teams(1000)), ("2000 entangled", entangled(2000))]
    {
        let mut measure = |what: &str, run: &mut dyn FnMut()| {
            criterion.bench_function(&format!("{what}, {name}"), |bench| bench.iter(&mut *run));
        };
        let policy = read("policy.yaml", &text).unwrap().policy;
        measure("read", &mut || drop(black_box(read("policy.yaml", &text))));
        measure("lint", &mut || drop(black_box(lint("policy.yaml", &text))));
        measure("blind", &mut || drop(black_box(blind(&policy, &needs))));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = bench
}
criterion_main!(benches);
