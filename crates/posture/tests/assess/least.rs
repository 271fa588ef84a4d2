//! What would be enough with a margin, and what tells that more may be needed.

use std::collections::BTreeSet;

use sundew_posture::{
    model::Rule,
    rbac::{Rbac, account_of},
    usage::{Least, Margin, Purpose, demands, least, rule_in_words},
};

use crate::{
    given::{cluster, rights},
    usage::{ASK, Ask, a, each_event, log, recordings, subject_of, usage_of},
};

const A: &str = "ServiceAccount shop/a";
const RBAC: &str = "rbac.authorization.k8s.io";

/// What would be enough for shop/a, who asked these.
fn enough(documents: &[String], margin: Margin, asked: &[Ask<'_>]) -> Least {
    let cluster = cluster(documents);
    least(&Rbac::new(&cluster), &usage_of(&[log(asked)]), &a(), margin, Purpose::Show).unwrap()
}

/// `NAMESPACE: RULE` of each rule; nothing before the colon for the cluster.
fn said(least: &Least) -> Vec<String> {
    let words = |namespace: &String, rule: &Rule| format!("{namespace}: {}", rule_in_words(rule));
    least.rules().iter().flat_map(|(at, rules)| rules.iter().map(move |rule| words(at, rule))).collect()
}

fn with(rules: &[&str], margin: Margin, asked: &[Ask<'_>]) -> Vec<String> {
    let mut least = enough(&[rights("r", "shop", A, rules)], margin, asked);
    least.tidy();
    said(&least)
}

#[test]
fn kin_are_the_verbs_of_one_kind_that_were_held() {
    let rules = ["get,list,update,delete pods"];
    let asked = [Ask { resource: "pods", name: "web", ..ASK }];
    assert_eq!(with(&rules, Margin::None, &asked), ["shop: get pods"]);
    assert_eq!(with(&rules, Margin::Kin, &asked), ["shop: get, list pods"], "watch was not held");
    assert_eq!(with(&rules, Margin::Resource, &asked), ["shop: delete, get, list, update pods"]);
    assert_eq!(with(&["* * of *"], Margin::Kin, &asked), ["shop: get, list, watch pods"]);
    assert_eq!(with(&["* *"], Margin::Resource, &asked), ["shop: * pods"]);
}

#[test]
fn kin_keep_the_names_of_what_lasts_and_may_make_it_again() {
    let rules = ["get,list,create,update,patch,delete,deletecollection configmaps"];
    let update = [Ask { verb: "update", resource: "configmaps", name: "leader", ..ASK }];
    assert_eq!(
        with(&rules, Margin::Kin, &update),
        ["shop: create configmaps", "shop: patch, update configmaps, only leader"],
        "no rule with names allows to create"
    );
    let get = [Ask { resource: "configmaps", name: "settings", ..ASK }];
    assert_eq!(with(&rules, Margin::Kin, &get), ["shop: get, list configmaps, only settings"]);
    let delete = [Ask { verb: "delete", resource: "configmaps", name: "old", ..ASK }];
    assert_eq!(
        with(&rules, Margin::Kin, &delete),
        ["shop: deletecollection configmaps", "shop: delete configmaps, only old"]
    );
}

#[test]
fn a_margin_gives_no_name_that_was_not_held() {
    let rules = ["get pods", "list pods only web-0", "update secrets only a,b", "patch secrets only b,c"];
    let asked = [
        Ask { resource: "pods", name: "web-7", ..ASK },
        Ask { verb: "update", resource: "secrets", name: "a", ..ASK },
        Ask { verb: "update", resource: "secrets", name: "b", ..ASK },
    ];
    let kin = with(&rules, Margin::Kin, &asked);
    let held = [
        "shop: get pods",
        "shop: update secrets, only a, b",
        "shop: patch secrets, only b",
        "shop: list pods, only web-0",
    ];
    assert_eq!(kin, held);
}

#[test]
fn who_looks_everywhere_may_work_everywhere() {
    let documents = [rights("r", "cluster", A, &["get,list,watch,update pods,services", "update nodes"])];
    let asked = [
        Ask { verb: "list", resource: "pods", namespace: "", ..ASK },
        Ask { verb: "update", resource: "pods", name: "web", ..ASK },
        Ask { verb: "update", resource: "services", name: "web", ..ASK },
    ];
    let exact = said(&enough(&documents, Margin::None, &asked));
    assert_eq!(exact, [": list pods", "shop: update pods, services"]);
    let kin = said(&enough(&documents, Margin::Kin, &asked));
    assert_eq!(kin, [": get, list, update, watch pods", "shop: update services"]);
}

#[test]
fn who_makes_bindings_of_what_they_hold_may_need_all_of_it() {
    let asked = [Ask { verb: "create", group: RBAC, resource: "rolebindings", name: "b", ..ASK }];
    let make = format!("create rolebindings of {RBAC}");
    let some = format!("bind roles,clusterroles of {RBAC} only view");
    let any = format!("bind roles,clusterroles of {RBAC}");
    let hands_out = |rules: &[&str]| enough(&[rights("r", "shop", A, rules)], Margin::Kin, &asked).hands_out;
    assert!(hands_out(&[&make]));
    assert!(hands_out(&[&make, &some]), "what it bound is not in the log");
    assert!(!hands_out(&[&make, &any]));
    assert!(!hands_out(&["* * of *"]));
    let reads = [Ask { verb: "list", group: RBAC, resource: "rolebindings", ..ASK }];
    let read = format!("list rolebindings of {RBAC}");
    assert!(!enough(&[rights("r", "shop", A, &[&read])], Margin::Kin, &reads).hands_out);
}

#[test]
fn what_a_server_asks_about_somebody_was_used_by_them() {
    let rules = ["get nodes/metrics", "get nodes"];
    let documents = [rights("r", "cluster", A, &rules)];
    let review = |body: &str| {
        let more = format!(",\"requestObject\":{body}");
        let ask = Ask {
            user: "system:node:worker-1",
            verb: "create",
            group: "authorization.k8s.io",
            resource: "subjectaccessreviews",
            namespace: "",
            more: &more,
            ..ASK
        };
        let least = enough(&documents, Margin::None, &[ask]);
        (least.requests, said(&least))
    };
    let metrics =
        "{\"resource\":\"nodes\",\"subresource\":\"metrics\",\"verb\":\"get\",\"name\":\"worker-1\"}";
    let about = |user: &str| format!("{{\"spec\":{{\"user\":\"{user}\",\"resourceAttributes\":{metrics}}}}}");
    let used = review(&about("system:serviceaccount:shop:a"));
    assert_eq!(used, (0, vec![": get nodes/metrics".to_owned()]), "it is no request of its own");
    assert_eq!(review(&about("system:serviceaccount:shop:b")).1, [""; 0]);
    assert_eq!(review("{\"spec\":{\"user\":7}}").1, [""; 0], "a body of another shape says nothing");
    assert_eq!(review("\"text\"").1, [""; 0]);
}

#[test]
fn what_is_said_twice_is_said_once() {
    let documents = [rights("r", "cluster", A, &["get,list secrets"])];
    let asked = [
        Ask { verb: "list", resource: "secrets", namespace: "", ..ASK },
        Ask { resource: "secrets", name: "db", ..ASK },
        Ask { resource: "secrets", ..ASK },
    ];
    let mut least = enough(&documents, Margin::Kin, &asked);
    least.keep("shop", &least.rules()[""][0].clone());
    least.tidy();
    assert_eq!(said(&least), [": get, list secrets"]);
}

/// Kind, namespace and name of the binding that a reason names.
fn binding(reason: &str) -> Option<(String, String, String)> {
    let rest = reason.strip_prefix("RBAC: allowed by ")?;
    let (kind, rest) = rest.split_once(" \"")?;
    let (path, _) = rest.split_once("\" of ")?;
    let (name, namespace) = path.rsplit_once('/').filter(|_| kind == "RoleBinding").unwrap_or((path, ""));
    Some((kind.to_owned(), namespace.to_owned(), name.to_owned()))
}

#[test]
fn the_binding_that_the_api_server_named_for_each_request_of_the_recordings_is_one_of_ours() {
    let cluster = crate::recordings::dump();
    let rbac = Rbac::new(&cluster);
    let mut seen = BTreeSet::new();
    for log in recordings() {
        each_event(&log, &mut |event| {
            let Some(reason) = event.annotation("authorization.k8s.io/reason") else { return };
            // A binding that the attack of a recording made, and that it took with it.
            let Some(named) = binding(&reason.decode()).filter(|(.., name)| name != "ops") else { return };
            for demand in demands(event).iter().filter(|demand| demand.is_main) {
                let why = rbac.why(&demand.user.identity(), &demand.request());
                let ours: Vec<_> = why
                    .iter()
                    .filter_map(|allowed| match allowed {
                        sundew_posture::rbac::Allowed::Rule { binding, .. } => Some((
                            binding.kind().to_owned(),
                            binding.meta.namespace.to_string(),
                            binding.meta.name.to_string(),
                        )),
                        _ => None,
                    })
                    .collect();
                assert!(ours.contains(&named), "{}: {named:?} is not in {ours:?}", demand.request());
                seen.insert(named.clone());
            }
        });
    }
    assert!(seen.len() > 10, "{seen:?}");
}

#[test]
fn with_any_margin_those_of_the_recordings_get_no_more_than_they_had() {
    let usage = usage_of(&recordings());
    let cluster = crate::recordings::dump();
    let rbac = Rbac::new(&cluster);
    let mut users: Vec<&str> = usage.users().filter(|user| account_of(user).is_some()).collect();
    users.sort_unstable();
    let mut counts = [0, 0, 0];
    for user in users {
        let subject = subject_of(user);
        let who = sundew_posture::rbac::Identity::of(&subject);
        for (at, margin) in [Margin::None, Margin::Kin, Margin::Resource].into_iter().enumerate() {
            let least = least(&rbac, &usage, &subject, margin, Purpose::Show).unwrap();
            for (namespace, rules) in least.rules() {
                for rule in &rules {
                    counts[at] += rule.verbs.len() * rule.resources.len().max(1);
                    for verb in &rule.verbs {
                        for group in &rule.groups {
                            for resource in &rule.resources {
                                let name = rule.names.first().map_or("any-name", |name| &**name);
                                let had =
                                    sundew_posture::rbac::Request::new(verb, group, resource, &namespace)
                                        .named(name);
                                assert!(rbac.can(&who, &had).is_some(), "{user} had no {had}");
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(counts[0] < counts[1], "{counts:?}");
}
