//! Questions beside the authorizer that they are made from: on a real cluster's dump both say the same.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, io::Read};

use sundew_posture::{
    Cluster, Reader,
    model::Subject,
    questions::{Question, Reach, Target, granted, may, who_can},
    rbac::{Identity, Rbac, Request},
    read::Assume,
};

fn cluster() -> Cluster {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let packed = std::fs::read(format!("{folder}/cluster.yaml.gz")).unwrap();
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut text).unwrap();
    let mut reader = Reader::new();
    reader.add("cluster.yaml", &text, &Assume::default()).unwrap();
    reader.finish()
}

const VERBS: [&str; 5] = ["get", "list", "create", "delete", "*"];
const RESOURCES: [(&str, &str, &str); 8] = [
    ("", "secrets", ""),
    ("", "pods", ""),
    ("", "pods", "exec"),
    ("", "serviceaccounts", "token"),
    ("apps", "deployments", ""),
    ("", "nodes", ""),
    ("rbac.authorization.k8s.io", "clusterroles", ""),
    ("example.org", "widgets", "status"),
];
const PLACES: [&str; 4] = ["", "shop", "kube-system", "no-such"];

/// Every question with the request that it stands for.
fn each(mut ask: impl FnMut(&Question, &Request<'_>)) {
    for verb in VERBS {
        for (group, resource, subresource) in RESOURCES {
            for place in PLACES {
                for name in ["", "orders-db"] {
                    let text =
                        if name.is_empty() { resource.to_owned() } else { format!("{resource}/{name}") };
                    let target = Target::parse(&text, Some(group), subresource).unwrap();
                    let reach = if place.is_empty() { Reach::All } else { Reach::Namespace(place.into()) };
                    let question = Question { verb: verb.into(), target, reach };
                    let wide = matches!(resource, "nodes" | "clusterroles");
                    let full = if subresource.is_empty() {
                        resource.into()
                    } else {
                        format!("{resource}/{subresource}")
                    };
                    let request = Request::new(verb, group, &full, if wide { "" } else { place });
                    ask(&question, &request.named(name));
                }
            }
        }
    }
}

#[test]
fn those_who_can_are_those_whom_the_authorizer_finds() {
    let cluster = cluster();
    let rbac = Rbac::new(&cluster);
    let mut some = 0;
    each(|question, request| {
        let ours: BTreeSet<String> =
            who_can(&rbac, question).who.iter().map(|holder| holder.subject.to_string()).collect();
        let theirs: BTreeSet<String> =
            rbac.who_can(request).into_iter().map(|(subject, _)| subject.to_string()).collect();
        some += theirs.len();
        assert_eq!(ours, theirs, "{question}");
    });
    assert!(some > 1000, "{some}");
}

#[test]
fn one_identity_is_answered_as_the_authorizer_answers() {
    let cluster = cluster();
    let rbac = Rbac::new(&cluster);
    let subjects: Vec<&Subject> = rbac.subjects().collect();
    let mut identities: Vec<Identity> = subjects.into_iter().map(Identity::of).collect();
    identities.push(Identity::node("worker-1"));
    identities.push(Identity::user("nobody", &[]));
    each(|question, request| {
        for identity in &identities {
            let ours = may(&rbac, question, identity);
            assert_eq!(ours.allowed, rbac.can(identity, request).is_some(), "{identity}: {question}");
            assert!(ours.near.len() <= 3 && (ours.near.is_empty() || !ours.allowed));
        }
    });
}

#[test]
fn in_any_namespace_means_in_one_of_them() {
    let cluster = cluster();
    let rbac = Rbac::new(&cluster);
    let question =
        |reach| Question { verb: "get".into(), target: Target::parse("secrets", None, "").unwrap(), reach };
    let who = |reach| -> BTreeSet<String> {
        who_can(&rbac, &question(reach)).who.iter().map(|holder| holder.subject.to_string()).collect()
    };
    let mut places: BTreeSet<&str> =
        cluster.bindings.iter().map(|binding| &*binding.meta.namespace).collect();
    places.remove("");
    let mut together = who(Reach::All);
    for place in places {
        together.extend(who(Reach::Namespace(place.into())));
    }
    assert_eq!(who(Reach::Any), together);
}

#[test]
fn a_request_about_one_namespace_is_in_it() {
    let text = "
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: own, namespace: shop},
 rules: [{apiGroups: [''], resources: [namespaces], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: own, namespace: shop},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: own}, subjects: [{kind: User, name: alice}]}
";
    let mut reader = Reader::new();
    reader.add("own.yaml", text.as_bytes(), &Assume::default()).unwrap();
    let cluster = reader.finish();
    let rbac = Rbac::new(&cluster);
    let alice = Identity::user("alice", &[]);
    for (target, allowed) in [("namespaces/shop", true), ("ns/yard", false), ("namespaces", false)] {
        let target = Target::parse(target, None, "").unwrap();
        let question = Question { verb: "get".into(), target, reach: Reach::All };
        assert_eq!(may(&rbac, &question, &alice).allowed, allowed, "{question}");
    }
}

#[test]
fn what_is_granted_to_an_account_comes_through_its_groups_too_and_before_it_is_made() {
    let cluster = cluster();
    let grants = granted(&Rbac::new(&cluster), &Identity::account("shop", "not-made-yet"));
    let mut through: Vec<&str> = grants.iter().map(|grant| grant.through.as_str()).collect();
    through.dedup();
    assert_eq!(through, ["Group system:serviceaccounts", "Group system:authenticated"]);
    let own = granted(&Rbac::new(&cluster), &Identity::account("ci", "deployer"));
    assert!(own.iter().any(|grant| grant.through.is_empty() && grant.binding.contains("Binding ")));
}

#[test]
fn a_cluster_that_was_read_before_can_be_added_to() {
    let before = cluster();
    let text = "
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: looks-at-orders,
 labels: {rbac.authorization.k8s.io/aggregate-to-view: 'true'}},
 rules: [{apiGroups: [shop.example], resources: [orders], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: system:discovery}, rules: []}
";
    let mut reader = Reader::onto(before.clone());
    reader.add("more.yaml", text.as_bytes(), &Assume::default()).unwrap();
    let after = reader.finish();
    let rules = |cluster: &Cluster, name: &str| {
        cluster.roles.iter().find(|role| *role.meta.name == *name).unwrap().rules.len()
    };
    assert_eq!(after.roles.len(), before.roles.len() + 1, "one is new, and one stands in the other's place");
    assert_eq!(rules(&after, "system:discovery"), 0);
    assert_eq!(rules(&after, "view"), rules(&before, "view") + 1);
    let untouched =
        |c: &Cluster| (c.bindings.clone(), c.accounts.clone(), c.workloads.clone(), c.absent.clone());
    assert_eq!(untouched(&after), untouched(&before));
}
