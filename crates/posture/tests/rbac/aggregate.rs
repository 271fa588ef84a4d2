//! Aggregated ClusterRoles, against a fixpoint: everybody takes what those they choose have, until nothing changes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use sundew_posture::{Reader, model::Cluster, read::Assume};

type Labels = BTreeMap<&'static str, &'static str>;

#[derive(Debug, Clone)]
struct Selector {
    labels: Labels,
    expressions: Vec<(&'static str, &'static str, Vec<&'static str>)>,
}

#[derive(Debug, Clone)]
struct Role {
    labels: Labels,
    aggregates: Vec<Selector>,
    /// Each stands for a rule.
    verbs: BTreeSet<&'static str>,
}

fn labels() -> impl Strategy<Value = Labels> {
    proptest::collection::btree_map(select(&["k", "l"][..]), select(&["1", "2"][..]), 0..=2)
}

fn roles() -> impl Strategy<Value = Vec<Role>> {
    let operator = select(&["In", "NotIn", "Exists", "DoesNotExist"][..]);
    let expression = (select(&["k", "l"][..]), operator, vec(select(&["1", "2"][..]), 1..=2));
    let selector =
        (labels(), vec(expression, 0..2)).prop_map(|(labels, expressions)| Selector { labels, expressions });
    let aggregates = prop_oneof![1 => Just(Vec::new()), 1 => vec(selector, 1..3)];
    let verbs = proptest::collection::btree_set(select(&["u", "v", "w", "x", "y", "z"][..]), 0..3);
    let role = (labels(), aggregates, verbs).prop_map(|(labels, aggregates, verbs)| Role {
        labels,
        aggregates,
        verbs,
    });
    vec(role, 1..7)
}

fn chooses(selector: &Selector, labels: &Labels) -> bool {
    let of_labels = selector.labels.iter().all(|label| labels.iter().any(|other| other == label));
    of_labels
        && !selector.expressions.iter().any(|(key, operator, values)| {
            let listed = labels.get(key).map(|value| values.contains(value));
            !match *operator {
                "In" => listed == Some(true),
                "NotIn" => listed != Some(true),
                "Exists" => listed.is_some(),
                _ => listed.is_none(),
            }
        })
}

fn read(roles: &[Role]) -> Cluster {
    let items = roles.iter().enumerate().map(|(number, role)| {
        let selectors = role.aggregates.iter().map(|selector| {
            let expressions = selector.expressions.iter().map(|(key, operator, values)| {
                let values = if operator.ends_with("In") { json!(values) } else { Value::Null };
                json!({"key": key, "operator": operator, "values": values})
            });
            json!({"matchLabels": selector.labels, "matchExpressions": expressions.collect::<Value>()})
        });
        let rules =
            role.verbs.iter().map(|verb| json!({"verbs": [verb], "apiGroups": [""], "resources": ["r"]}));
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": number.to_string(), "labels": role.labels},
            "aggregationRule": {"clusterRoleSelectors": selectors.collect::<Value>()},
            "rules": rules.collect::<Value>(),
        })
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items.collect::<Value>()});
    let mut reader = Reader::new();
    reader.add("roles.json", list.to_string().as_bytes(), &Assume::default()).unwrap();
    reader.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn aggregated_roles_have_what_a_fixpoint_gives_them(roles in roles()) {
        let cluster = read(&roles);
        let chosen = |by: usize, of: usize| {
            by != of && roles[by].aggregates.iter().any(|selector| chooses(selector, &roles[of].labels))
        };
        let mut has: Vec<BTreeSet<&str>> = roles.iter().map(|role| role.verbs.clone()).collect();
        let mut reaches: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); roles.len()];
        loop {
            let before = (has.clone(), reaches.clone());
            for by in 0..roles.len() {
                for of in (0..roles.len()).filter(|of| chosen(by, *of)) {
                    has[by].extend(before.0[of].iter());
                    reaches[by].insert(of);
                    reaches[by].extend(before.1[of].iter());
                }
            }
            if before == (has.clone(), reaches.clone()) {
                break;
            }
        }
        for (number, role) in cluster.roles.iter().enumerate() {
            let verbs: Vec<&str> = role.rules.iter().flat_map(|rule| &rule.verbs).map(|verb| &**verb).collect();
            prop_assert_eq!(verbs.len(), has[number].len(), "no rule is joined twice: {:?}", &verbs);
            prop_assert_eq!(&verbs.into_iter().collect::<BTreeSet<_>>(), &has[number], "of {}", number);
            let what = format!("ClusterRole {number} chooses itself through other aggregated roles; it has the rules of all");
            let told = cluster.notices.iter().filter(|notice| notice.what == what).count();
            prop_assert_eq!(told, usize::from(reaches[number].contains(&number)), "{}", what);
        }
    }
}
