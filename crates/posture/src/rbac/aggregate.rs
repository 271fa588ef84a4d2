//! Aggregated ClusterRoles: the rules of every ClusterRole that their selectors choose, as the controller joins them
//! (`pkg/controller/clusterroleaggregation`).

use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::{Cluster, Notice, Role, Rule, Selector, Str};

/// Joins the rules of each aggregated ClusterRole. What its own object lists stays where nothing is chosen: a dump of a
/// running cluster holds the joined rules already, and perhaps not the roles that they came from.
pub(crate) fn aggregate(cluster: &mut Cluster) {
    let aggregated: Vec<usize> =
        (0..cluster.roles.len()).filter(|&i| !cluster.roles[i].aggregates.is_empty()).collect();
    let chosen: HashMap<usize, Vec<usize>> = aggregated
        .iter()
        .map(|&i| {
            let selectors = &cluster.roles[i].aggregates;
            let of =
                (0..cluster.roles.len()).filter(|&of| of != i && is_chosen(selectors, &cluster.roles[of]));
            (i, of.collect())
        })
        .collect();
    let mut joined = Vec::new();
    for &role in &aggregated {
        let mut reached = vec![role];
        let mut next = 0;
        let mut cyclic = false;
        // A chosen role may be an aggregated one; a circle of them ends where everything is reached.
        while let Some(&at) = reached.get(next) {
            next += 1;
            for &of in chosen.get(&at).into_iter().flatten() {
                cyclic |= of == role;
                if !reached.contains(&of) {
                    reached.push(of);
                }
            }
        }
        if cyclic {
            let meta = &cluster.roles[role].meta;
            let what = format!(
                "ClusterRole {} chooses itself through other aggregated roles; it has the rules of all",
                meta.name
            );
            cluster.notices.push(Notice { place: meta.place, what });
        }
        let mut rules: Vec<Rule> = Vec::new();
        for &of in &reached {
            let missing = cluster.roles[of]
                .rules
                .iter()
                .filter(|rule| !rules.contains(rule))
                .cloned()
                .collect::<Vec<_>>();
            rules.extend(missing);
        }
        joined.push((role, Arc::from(rules)));
    }
    for (role, rules) in joined {
        cluster.roles[role].rules = rules;
    }
}

fn is_chosen(selectors: &[Selector], role: &Role) -> bool {
    role.cluster && selectors.iter().any(|selector| matches(selector, &role.labels))
}

/// Label selectors of meta/v1: every label and every expression must hold.
fn matches(selector: &Selector, labels: &[(Str, Str)]) -> bool {
    let value = |key: &str| labels.iter().find(|(k, _)| **k == *key).map(|(_, value)| value);
    selector.labels.iter().all(|(key, wanted)| value(key) == Some(wanted))
        && selector.expressions.iter().all(|(key, operator, values)| match &**operator {
            "In" => value(key).is_some_and(|v| values.contains(v)),
            "NotIn" => !value(key).is_some_and(|v| values.contains(v)),
            "Exists" => value(key).is_some(),
            "DoesNotExist" => value(key).is_none(),
            _ => false,
        })
}
