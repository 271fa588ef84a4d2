//! Random clusters and questions: both implementations answer the same.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::select};
use sundew_posture::{
    Reader,
    model::{Cluster, Subject},
    rbac::{Allowed, Identity, Rbac, Request, Target},
    read::Assume,
};

use crate::naive::{self, Described, described};

/// Who asks, with the user name and groups that authentication would give them, written out by hand.
fn askers() -> Vec<(Identity, &'static str, Vec<&'static str>)> {
    let of_x = vec!["system:serviceaccounts", "system:serviceaccounts:x", "system:authenticated"];
    let of_y = vec!["system:serviceaccounts", "system:serviceaccounts:y", "system:authenticated"];
    vec![
        (Identity::account("x", "a"), "system:serviceaccount:x:a", of_x.clone()),
        (Identity::account("x", "b"), "system:serviceaccount:x:b", of_x.clone()),
        (Identity::account("y", "b"), "system:serviceaccount:y:b", of_y),
        (Identity::user("system:serviceaccount:x:a", &[]), "system:serviceaccount:x:a", of_x),
        (Identity::user("ann", &[]), "ann", vec!["system:authenticated"]),
        (Identity::user("ann", &["dev"]), "ann", vec!["dev", "system:authenticated"]),
        (Identity::user("bob", &["dev"]), "bob", vec!["dev", "system:authenticated"]),
        (Identity::user("bob", &["system:unauthenticated"]), "bob", vec!["system:unauthenticated"]),
        (Identity::user("system:anonymous", &[]), "system:anonymous", vec!["system:unauthenticated"]),
        (Identity::group("dev"), "", vec!["dev", "system:authenticated"]),
        (
            Identity::group("system:serviceaccounts:y"),
            "",
            vec!["system:serviceaccounts:y", "system:serviceaccounts", "system:authenticated"],
        ),
        (Identity::group("system:unauthenticated"), "", vec!["system:unauthenticated"]),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Question {
    request: Request<'static>,
}

fn questions() -> impl Strategy<Value = Vec<Question>> {
    let objects = (
        select(naive::VERBS),
        select(naive::GROUPS),
        select(naive::RESOURCES),
        select(naive::SUBRESOURCES),
        select(naive::NAMES),
        select(naive::NAMESPACES),
    )
        .prop_map(|(verb, group, resource, subresource, name, namespace)| Request {
            verb,
            target: Target::Resource { group, resource, subresource, name, namespace },
        });
    let paths = (select(naive::VERBS), select(naive::URLS))
        .prop_map(|(verb, path)| Request { verb, target: Target::Url(path) });
    let one = prop_oneof![4 => objects, 1 => paths];
    proptest::collection::vec(one.prop_map(|request| Question { request }), 40)
}

fn in_words(request: &Request<'_>) -> String {
    match request.target {
        Target::Url(path) => naive::path_in_words(request.verb, path),
        Target::Resource { group, resource, subresource, name, .. } => {
            let whole = [resource, if subresource.is_empty() { "" } else { "/" }, subresource].concat();
            naive::in_words(request.verb, group, &whole, name)
        }
    }
}

fn read(described: &Described) -> Cluster {
    let mut reader = Reader::new();
    reader.add("cluster.json", described.list().to_string().as_bytes(), &Assume::default()).unwrap();
    reader.finish()
}

/// The name of a subject as the second implementation writes it; none for what no request can come as.
fn known_as(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Account { namespace, .. } if namespace.is_empty() => None,
        Subject::Account { namespace, name } => {
            Some(format!("user system:serviceaccount:{namespace}:{name}"))
        }
        Subject::User(name) => Some(format!("user {name}")),
        Subject::Group(name) => Some(format!("group {name}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_implementations_allow_the_same(described in described(), questions in questions()) {
        let cluster = read(&described);
        let rbac = Rbac::new(&cluster);
        let granted = described.granted();
        for Question { request } in questions {
            let what = in_words(&request);
            let namespace = request.namespace();
            let is_granted = |name: String| {
                let in_namespace = naive::NAMESPACES.iter().find(|n| **n == namespace && !n.is_empty()).copied();
                let is_path = matches!(request.target, Target::Url(_));
                granted.contains(&(name.clone(), None, what.clone()))
                    || (!is_path && in_namespace.is_some() && granted.contains(&(name, in_namespace, what.clone())))
            };
            for (who, user, groups) in askers() {
                let names = groups.iter().map(|group| format!("group {group}")).chain([format!("user {user}")]);
                let expected = names.into_iter().any(is_granted);
                let allowed = rbac.can(&who, &request);
                prop_assert_eq!(allowed.is_some(), expected, "{} by {:?}", request, who);

                let why = rbac.why(&who, &request);
                prop_assert_eq!(why.first(), allowed.as_ref());
                for (number, reason) in why.iter().enumerate() {
                    prop_assert!(!why[..number].contains(reason), "said twice: {:?}", reason);
                    let Allowed::Rule { binding, role, rule, subject } = reason else {
                        return Err(TestCaseError::fail("nothing but rules can allow it"));
                    };
                    prop_assert!(binding.subjects.contains(subject) && who.subjects().contains(subject));
                    prop_assert_eq!((&binding.role.name, binding.role.cluster), (&role.meta.name, role.cluster));
                    prop_assert!(role.cluster || role.meta.namespace == binding.meta.namespace);
                    prop_assert!(request.is_allowed_by(&role.rules[*rule]));
                }
            }

            let who_can = rbac.who_can(&request);
            // An account that one binding names as a user is the same as the account that another names.
            let told: BTreeSet<String> = who_can.iter().map(|(subject, _)| known_as(subject).unwrap()).collect();
            let expected = rbac.subjects().filter_map(known_as).filter(|name| is_granted(name.clone()));
            prop_assert_eq!(&told, &expected.collect::<BTreeSet<_>>(), "{}", request);
            for (subject, reasons) in &who_can {
                prop_assert!(!reasons.is_empty());
                // Each reason is one that asking the subject gives, and none of its own is missing.
                let mut own = rbac.why(&Identity::of(subject), &request);
                own.retain(|reason| matches!(reason, Allowed::Rule { subject: of, .. } if of == subject));
                prop_assert_eq!(reasons.len(), own.len(), "{} by {}", request, subject);
                prop_assert!(reasons.iter().all(|reason| own.contains(reason)));
            }
        }
    }

    #[test]
    fn members_of_system_masters_may_do_everything(described in described(), questions in questions()) {
        let cluster = read(&described);
        let rbac = Rbac::new(&cluster);
        let root = Identity::user("root", &["system:masters"]);
        for Question { request } in questions {
            prop_assert_eq!(rbac.can(&root, &request), Some(Allowed::Masters));
        }
    }
}
