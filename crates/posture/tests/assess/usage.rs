//! Least privilege: what was used of what an identity has, and a role that holds no more and no less.

use std::{fmt::Write as _, fs, io::Read as _};

use flate2::read::GzDecoder;
use sundew_audit::{Item, Unwrapper};
use sundew_posture::{
    Cluster, Reader,
    model::Subject,
    rbac::{Identity, Rbac, Request, Target},
    read::Assume,
    usage::{Narrowed, Usage, narrow},
};

use crate::given::{binding, cluster, rights, role};

pub(crate) fn each_event(log: &[u8], each: &mut dyn FnMut(&sundew_audit::Event<'_>)) {
    let mut unwrapper = Unwrapper::new();
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        unwrapper.line(line, &mut |item| match item {
            Item::Event(event, _) => each(event),
            Item::Reject { reject, .. } => panic!("{reject:?}"),
        });
    }
}

pub(crate) fn recordings() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings");
    let read = |name: &str| {
        let mut log = Vec::new();
        let packed = fs::File::open(format!("{folder}/{name}/audit.log.gz")).unwrap();
        GzDecoder::new(packed).read_to_end(&mut log).unwrap();
        log
    };
    ["quiet", "theft", "five"].map(read).into()
}

/// An event as the API server writes it.
pub(crate) struct Ask<'a> {
    pub(crate) user: &'a str,
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) more: &'a str,
}

pub(crate) const ASK: Ask<'_> = Ask {
    user: "system:serviceaccount:shop:a",
    verb: "get",
    group: "",
    resource: "",
    namespace: "shop",
    name: "",
    more: "",
};

pub(crate) fn log(asked: &[Ask<'_>]) -> Vec<u8> {
    let mut text = String::new();
    for (number, ask) in asked.iter().enumerate() {
        let Ask { user, verb, group, resource, namespace, name, more } = ask;
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let stage = if more.contains("\"stage\"") { "" } else { ",\"stage\":\"ResponseComplete\"" };
        let status = if more.contains("responseStatus") { "" } else { ",\"responseStatus\":{\"code\":200}" };
        let allow = if more.contains("annotations") {
            ""
        } else {
            ",\"annotations\":{\"authorization.k8s.io/decision\":\"allow\"}"
        };
        writeln!(
            text,
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"auditID\":\"{number}\"{stage},\
             \"requestURI\":\"/x\",\"verb\":\"{verb}\",\"user\":{{\"username\":\"{user}\"}},\"objectRef\":{{\"resource\":\
             \"{resource}\",\"subresource\":\"{subresource}\",\"namespace\":\"{namespace}\",\"name\":\"{name}\",\
             \"apiGroup\":\"{group}\"}}{status},\"stageTimestamp\":\"2026-02-0{}T00:00:00.000000Z\"{allow}{more}}}",
            number % 9 + 1
        )
        .unwrap();
    }
    text.into_bytes()
}

pub(crate) fn usage_of(logs: &[Vec<u8>]) -> Usage {
    let mut usage = Usage::new();
    logs.iter().for_each(|log| each_event(log, &mut |event| usage.record(event)));
    usage
}

pub(crate) fn a() -> Subject {
    Subject::Account { namespace: "shop".into(), name: "a".into() }
}

/// What would be enough for shop/a, who asked these.
fn narrowed(documents: &[String], asked: &[Ask<'_>]) -> Narrowed {
    let cluster = cluster(documents);
    narrow(&Rbac::new(&cluster), &usage_of(&[log(asked)]), &a()).unwrap()
}

/// The manifest as the only roles that there are.
fn read(manifest: &str) -> Cluster {
    let mut reader = Reader::new();
    reader
        .add("narrow.yaml", manifest.as_bytes(), &Assume::default())
        .unwrap_or_else(|e| panic!("{e}\n{manifest}"));
    let cluster = reader.finish();
    assert!(cluster.notices.is_empty(), "{:?}", cluster.notices);
    cluster
}

fn may(cluster: &Cluster, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let request = Request::new(verb, "", resource, namespace).named(name);
    Rbac::new(cluster).can(&Identity::of(&a()), &request).is_some()
}

fn unused(narrowed: &Narrowed) -> Vec<&str> {
    narrowed.grants.iter().filter(|grant| !grant.used).map(|grant| grant.rule.as_str()).collect()
}

const A: &str = "ServiceAccount shop/a";

#[test]
fn rules_that_nothing_needed_are_flagged_with_role_and_binding() {
    let documents = [
        rights("r", "shop", A, &["get,list pods", "get secrets"]),
        rights("w", "cluster", A, &["get nodes"]),
    ];
    let narrowed = narrowed(&documents, &[Ask { verb: "list", resource: "pods", ..ASK }]);
    assert_eq!(unused(&narrowed), ["get secrets", "get nodes"]);
    let used = narrowed.grants.iter().find(|grant| grant.used).unwrap();
    assert_eq!((used.binding.as_str(), used.role.as_str()), ("RoleBinding shop/r", "Role shop/r"));
    assert_eq!((narrowed.requests, narrowed.incomplete), (1, false));
    insta::assert_snapshot!(narrowed.manifest);
}

#[test]
fn nothing_used_is_no_manifest_and_a_group_has_none() {
    let documents = [rights("r", "shop", A, &["get secrets"])];
    let narrowed = narrowed(&documents, &[]);
    assert_eq!((narrowed.manifest.as_str(), narrowed.requests), ("", 0));
    assert_eq!(unused(&narrowed), ["get secrets"]);
    let cluster = cluster(&documents);
    assert_eq!(narrow(&Rbac::new(&cluster), &Usage::new(), &Subject::Group("devs".into())), None);
}

#[test]
fn what_was_refused_or_not_yet_decided_was_not_used() {
    let documents = [rights("r", "shop", A, &["get secrets"])];
    for more in [
        ",\"annotations\":{\"authorization.k8s.io/decision\":\"forbid\"},\"responseStatus\":{\"code\":403}",
        ",\"annotations\":{},\"responseStatus\":{\"code\":403}",
        ",\"annotations\":{},\"responseStatus\":{\"code\":401}",
        ",\"annotations\":{},\"stage\":\"RequestReceived\",\"responseStatus\":null",
    ] {
        let narrowed = narrowed(&documents, &[Ask { resource: "secrets", name: "db", more, ..ASK }]);
        assert_eq!((narrowed.requests, narrowed.manifest.as_str()), (0, ""), "{more}");
    }
    let missing = ",\"responseStatus\":{\"code\":404}";
    let allowed = narrowed(&documents, &[Ask { resource: "secrets", name: "db", more: missing, ..ASK }]);
    assert_eq!(allowed.requests, 1, "what is not there was still allowed");
}

#[test]
fn a_long_request_is_counted_once() {
    let documents = [rights("r", "shop", A, &["watch pods"])];
    let begun = Ask { verb: "watch", resource: "pods", more: ",\"stage\":\"ResponseStarted\"", ..ASK };
    let ended = Ask { verb: "watch", resource: "pods", ..ASK };
    assert_eq!(narrowed(&documents, &[begun, ended]).requests, 1);
    let running = Ask { verb: "watch", resource: "pods", more: ",\"stage\":\"ResponseStarted\"", ..ASK };
    assert!(unused(&narrowed(&documents, &[running])).is_empty(), "one that still runs was used");
}

#[test]
fn names_of_secrets_stay_and_those_of_pods_go() {
    let documents = [rights("r", "shop", A, &["get secrets,pods"])];
    let asked =
        [Ask { resource: "secrets", name: "db", ..ASK }, Ask { resource: "pods", name: "web-x7", ..ASK }];
    let narrow = read(&narrowed(&documents, &asked).manifest);
    assert!(may(&narrow, "get", "secrets", "shop", "db") && !may(&narrow, "get", "secrets", "shop", "other"));
    assert!(may(&narrow, "get", "pods", "shop", "web-y8") && !may(&narrow, "get", "pods", "blog", "web-x7"));
    assert!(!may(&narrow, "list", "secrets", "shop", ""));
}

#[test]
fn a_rule_for_names_never_becomes_one_for_all() {
    let documents = [rights("r", "shop", A, &["get pods only web-0,web-1"])];
    let narrow = read(&narrowed(&documents, &[Ask { resource: "pods", name: "web-0", ..ASK }]).manifest);
    assert!(may(&narrow, "get", "pods", "shop", "web-0"));
    assert!(!may(&narrow, "get", "pods", "shop", "web-9") && !may(&narrow, "get", "pods", "shop", "web-1"));
}

#[test]
fn more_names_than_are_remembered_keep_what_was_granted_and_no_more() {
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    let asked: Vec<Ask<'_>> = names.iter().map(|name| Ask { resource: "secrets", name, ..ASK }).collect();
    let limited = [rights("r", "shop", A, &[&format!("get secrets only {},spare", names.join(","))])];
    let found = narrowed(&limited, &asked);
    assert_eq!(unused(&found), [""; 0]);
    let narrow = read(&found.manifest);
    assert!(names.iter().all(|name| may(&narrow, "get", "secrets", "shop", name)));
    assert!(!may(&narrow, "get", "secrets", "shop", "another"));
    let open = [rights("r", "shop", A, &["get secrets"])];
    assert!(may(&read(&narrowed(&open, &asked).manifest), "get", "secrets", "shop", "another"));
    let mut few: Vec<Ask<'_>> = asked.into_iter().take(32).collect();
    few.push(Ask { resource: "secrets", name: "s0", ..ASK });
    let few = narrowed(&open, &few);
    assert!(
        !may(&read(&few.manifest), "get", "secrets", "shop", "another"),
        "a name that is known is no further one"
    );
}

#[test]
fn the_name_of_what_is_made_is_not_asked_for() {
    let documents = [rights("r", "shop", A, &["create secrets", "create pods/eviction only web"])];
    let asked = [
        Ask { verb: "create", resource: "secrets", name: "new", ..ASK },
        Ask { verb: "create", resource: "pods/eviction", name: "web", ..ASK },
    ];
    let found = narrowed(&documents, &asked);
    assert_eq!(unused(&found), [""; 0]);
    let narrow = read(&found.manifest);
    assert!(may(&narrow, "create", "secrets", "shop", ""));
    assert!(
        may(&narrow, "create", "pods/eviction", "shop", "web")
            && !may(&narrow, "create", "pods/eviction", "shop", "x")
    );
}

#[test]
fn what_everybody_may_needs_no_role() {
    let documents = [
        rights("r", "shop", A, &["get pods,configmaps"]),
        rights("all", "shop", "Group system:serviceaccounts", &["get pods"]),
    ];
    let found = narrowed(&documents, &[Ask { resource: "pods", name: "web", ..ASK }]);
    assert_eq!((found.manifest.as_str(), unused(&found)), ("", vec!["get pods, configmaps"]));
}

#[test]
fn whoever_acts_as_somebody_needs_that_right_and_the_other_the_rest() {
    let documents = [
        rights(
            "r",
            "cluster",
            A,
            &["impersonate users,groups", "impersonate serviceaccounts", "get secrets"],
        ),
        rights("ann", "shop", "User ann", &["get secrets"]),
    ];
    let more = ",\"impersonatedUser\":{\"username\":\"ann\",\"groups\":[\"devs\",\"system:authenticated\"]}";
    let asked = [Ask { resource: "secrets", name: "db", more, ..ASK }];
    let found = narrowed(&documents, &asked);
    assert_eq!(unused(&found), ["impersonate serviceaccounts", "get secrets"]);
    let narrow = read(&found.manifest);
    assert!(
        may(&narrow, "impersonate", "users", "", "ann") && !may(&narrow, "impersonate", "users", "", "bob")
    );
    assert!(
        may(&narrow, "impersonate", "groups", "", "devs")
            && !may(&narrow, "impersonate", "groups", "", "system:masters")
    );
    let usage = usage_of(&[log(&asked)]);
    let cluster = cluster(&documents);
    let ann =
        sundew_posture::usage::narrow(&Rbac::new(&cluster), &usage, &Subject::User("ann".into())).unwrap();
    assert_eq!((ann.requests, ann.grants[0].used), (1, true));
}

#[test]
fn constrained_impersonation_needs_the_mode_and_what_is_done_in_it() {
    let documents = [rights(
        "r",
        "cluster",
        A,
        &[
            "impersonate:serviceaccount serviceaccounts of authentication.k8s.io",
            "impersonate-on:serviceaccount:get,impersonate-on:serviceaccount:list secrets",
            "impersonate:serviceaccount groups of authentication.k8s.io",
            "impersonate serviceaccounts",
        ],
    )];
    let more = ",\"impersonatedUser\":{\"username\":\"system:serviceaccount:shop:b\",\"groups\":[\"system:serviceaccounts\",\
                \"system:serviceaccounts:shop\",\"system:authenticated\"]},\"authenticationMetadata\":\
                {\"impersonationConstraint\":\"impersonate:serviceaccount\"}";
    let found = narrowed(&documents, &[Ask { resource: "secrets", name: "db", more, ..ASK }]);
    // The groups of an account come by themselves.
    let groups = "impersonate:serviceaccount groups of authentication.k8s.io";
    assert_eq!(unused(&found), [groups, "impersonate serviceaccounts"]);
    let narrow = read(&found.manifest);
    assert!(may(&narrow, "impersonate-on:serviceaccount:get", "secrets", "shop", "db"));
    assert!(!may(&narrow, "impersonate-on:serviceaccount:list", "secrets", "shop", ""));
    let mode = Request::new("impersonate:serviceaccount", "authentication.k8s.io", "serviceaccounts", "shop")
        .named("b");
    assert!(Rbac::new(&narrow).can(&Identity::of(&a()), &mode).is_some());
}

#[test]
fn rights_that_no_request_shows_stay_with_those_that_need_them() {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let documents = [rights(
        "r",
        "shop",
        A,
        &[
            "create rolebindings of rbac.authorization.k8s.io",
            "bind clusterroles of rbac.authorization.k8s.io only view",
            "escalate roles of rbac.authorization.k8s.io",
            "get,create pods/exec",
        ],
    )];
    let asked = [
        Ask { verb: "create", group: RBAC, resource: "rolebindings", name: "b", ..ASK },
        Ask { verb: "get", resource: "pods/exec", name: "web", ..ASK },
    ];
    let found = narrowed(&documents, &asked);
    assert_eq!(unused(&found), ["escalate roles of rbac.authorization.k8s.io"]);
    let narrow = read(&found.manifest);
    let bind = |name: &str| {
        let request = Request::new("bind", RBAC, "clusterroles", "shop").named(name);
        Rbac::new(&narrow).can(&Identity::of(&a()), &request).is_some()
    };
    assert!(bind("view") && !bind("admin"));
    assert!(may(&narrow, "create", "pods/exec", "shop", "web"), "over a WebSocket both are asked for");
}

#[test]
fn accounts_of_one_name_in_two_namespaces_do_not_share_a_role() {
    let documents = [rights("r", "cluster", A, &["get nodes"])];
    let of_shop =
        narrowed(&documents, &[Ask { resource: "nodes", namespace: "", name: "n1", ..ASK }]).manifest;
    let cluster = cluster(&[rights("r", "cluster", "ServiceAccount blog/a", &["get nodes"])]);
    let ask =
        Ask { user: "system:serviceaccount:blog:a", resource: "nodes", namespace: "", name: "n1", ..ASK };
    let blog = Subject::Account { namespace: "blog".into(), name: "a".into() };
    let of_blog = narrow(&Rbac::new(&cluster), &usage_of(&[log(&[ask])]), &blog).unwrap().manifest;
    let both = read(&format!("{of_shop}---\n{of_blog}"));
    assert_eq!((both.roles.len(), both.bindings.len()), (2, 2));
}

#[test]
fn a_name_of_any_user_makes_a_manifest_that_is_read() {
    let user = "ann/o'neil \\\"@example.com";
    let cluster = cluster(&[
        role("r", "cluster", &["get nodes"]),
        binding("b", "cluster", "r", &[&format!("User {user}")]),
    ]);
    let subject = Subject::User("ann/o'neil \"@example.com".into());
    let ask = Ask { user, resource: "nodes", namespace: "", name: "n1", ..ASK };
    let found = narrow(&Rbac::new(&cluster), &usage_of(&[log(&[ask])]), &subject).unwrap();
    let narrow = read(&found.manifest);
    assert_eq!(narrow.bindings[0].subjects, [subject]);
    assert!(!narrow.roles[0].meta.name.contains('/'));
}

/// The subject of a user name.
pub(crate) fn subject_of(user: &str) -> Subject {
    match user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
        Some((namespace, name)) => Subject::Account { namespace: namespace.into(), name: name.into() },
        None => Subject::User(user.into()),
    }
}

/// Verb, group, resource, subresource, namespace, name, and the path of what is no resource.
type Asked = [String; 7];

/// Every request of a user that was allowed and is shown by itself.
fn allowed(logs: &[Vec<u8>], user: &str) -> Vec<Asked> {
    let mut found = Vec::new();
    for log in logs {
        each_event(log, &mut |event| {
            let decision = event.annotation("authorization.k8s.io/decision").is_some_and(|d| d == "allow");
            let who = event.impersonated_user.as_ref().unwrap_or(&event.user);
            if !decision || who.username != user {
                return;
            }
            let text = |text: &sundew_audit::Text<'_>| text.decode().into_owned();
            found.push(match &event.object_ref {
                Some(object) => {
                    let plain = event.verb == "create" && object.subresource.is_empty();
                    let name = if plain { String::new() } else { text(&object.name) };
                    [
                        text(&event.verb),
                        text(&object.api_group),
                        text(&object.resource),
                        text(&object.subresource),
                        text(&object.namespace),
                        name,
                        String::new(),
                    ]
                }
                None => {
                    let uri = text(&event.request_uri);
                    let path = uri.split('?').next().unwrap().to_owned();
                    let [a, b, c, d, e] = [(); 5].map(|()| String::new());
                    [text(&event.verb), a, b, c, d, e, path]
                }
            });
        });
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn request(asked: &Asked) -> Request<'_> {
    let [verb, group, resource, subresource, namespace, name, path] = asked.each_ref().map(String::as_str);
    let target = match path {
        "" => Target::Resource { group, resource, subresource, name, namespace },
        path => Target::Url(path),
    };
    Request { verb, target }
}

#[test]
fn of_every_identity_of_the_recordings_the_narrower_role_allows_all_that_it_did_and_no_more_than_it_had() {
    let logs = recordings();
    let usage = usage_of(&logs);
    let cluster = crate::recordings::dump();
    let rbac = Rbac::new(&cluster);
    let mut seen = 0;
    let mut users: Vec<&str> = usage.users().collect();
    users.sort_unstable();
    for user in users {
        let subject = subject_of(user);
        let who = Identity::of(&subject);
        let Some(found) = narrow(&rbac, &usage, &subject) else { continue };
        if found.grants.is_empty() {
            continue;
        }
        // Nothing but what was narrowed, and what its groups have.
        let mut left = cluster.clone();
        left.bindings.retain(|b| b.subjects.iter().any(|s| matches!(s, Subject::Group(_))));
        let narrow = read(&found.manifest);
        left.roles.extend(narrow.roles.iter().cloned());
        left.bindings.extend(narrow.bindings.iter().cloned());
        let narrowed = Rbac::new(&left);
        let asked = allowed(&logs, user);
        for asked in asked.iter().filter(|asked| rbac.can(&who, &request(asked)).is_some()) {
            assert!(
                narrowed.can(&who, &request(asked)).is_some(),
                "{user} may no longer {asked:?}\n{}",
                found.manifest
            );
            seen += 1;
        }
        // No more than it had: of everything that anybody asked for.
        for rule in narrow.roles.iter().flat_map(|role| role.rules.iter().map(move |rule| (role, rule))) {
            let (role, rule) = rule;
            for verb in &rule.verbs {
                for url in &rule.urls {
                    let had = Request { verb, target: Target::Url(url) };
                    assert!(rbac.can(&who, &had).is_some(), "{user} had no {had}");
                }
                for resource in &rule.resources {
                    for group in &rule.groups {
                        let names = if rule.names.is_empty() {
                            vec!["".into(), "any-name".into()]
                        } else {
                            rule.names.clone()
                        };
                        for name in names {
                            let had = Request::new(verb, group, resource, &role.meta.namespace).named(&name);
                            assert!(rbac.can(&who, &had).is_some(), "{user} had no {had}");
                        }
                    }
                }
            }
        }
        let wide = |rule: &sundew_posture::model::Rule| {
            rule.verbs.iter().chain(&rule.resources).any(|word| **word == *"*")
        };
        assert!(!narrow.roles.iter().flat_map(|role| role.rules.iter()).any(wide), "{user}");
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_would_be_enough_for_those_of_the_recordings() {
    let usage = usage_of(&recordings());
    let cluster = crate::recordings::dump();
    let rbac = Rbac::new(&cluster);
    let mut text = String::new();
    for (namespace, name) in [
        ("shop", "frontend"),
        ("shop", "orders"),
        ("ingress-nginx", "ingress-nginx"),
        ("monitoring", "prometheus-k8s"),
        ("argocd", "argocd-application-controller"),
    ] {
        let subject = Subject::Account { namespace: namespace.into(), name: name.into() };
        let found = narrow(&rbac, &usage, &subject).unwrap();
        writeln!(text, "# {subject}: {} requests", found.requests).unwrap();
        for grant in &found.grants {
            writeln!(
                text,
                "# {} {} by {}",
                if grant.used { "used  " } else { "UNUSED" },
                grant.rule,
                grant.binding
            )
            .unwrap();
        }
        writeln!(text, "{}", found.manifest).unwrap();
    }
    insta::assert_snapshot!(text);
}
