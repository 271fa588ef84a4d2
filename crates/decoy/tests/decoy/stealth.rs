//! What the stealth check says of a plan.

use serde_json::json;
use sundew_decoy::{
    persona::SignKind,
    plan::Plan,
    stealth::{Check, Verdict, check},
    surroundings::Surroundings,
};

use crate::given::{cluster, only, planned, small, small_plan, thing};

fn point(plan: &Plan, around: &Surroundings, point: &str) -> Check {
    let checks = check(plan, around);
    checks.into_iter().find(|check| check.point == point).unwrap_or_else(|| panic!("{point}"))
}

/// How `point` comes out after `change`.
fn after(point: &str, change: impl FnOnce(&mut Plan, &mut Surroundings)) -> (Verdict, String) {
    let (mut plan, mut around) = (small_plan(), cluster());
    change(&mut plan, &mut around);
    let check = self::point(&plan, &around, point);
    (check.verdict, check.found)
}

fn at<'p>(plan: &'p mut Plan, kind: &str) -> &'p mut serde_json::Value {
    &mut plan.objects.iter_mut().find(|planned| planned.object.kind == kind).unwrap().manifest
}

#[test]
fn every_point_is_told_in_the_same_order_whatever_is_found() {
    let points = |plan: &Plan, around: &Surroundings| {
        check(plan, around).iter().map(|check| check.point).collect::<Vec<_>>()
    };
    let (plan, around) = (small_plan(), cluster());
    assert_eq!(
        points(&plan, &around),
        [
            "telling words",
            "name of the namespace",
            "marks of this tool",
            "names listed in roles",
            "age of the namespace",
            "times of creation",
            "name of the account",
            "what the pods run",
            "images",
            "workloads beside it",
            "last use of the token",
            "names in the audit policy",
        ]
    );
    let nothing = Surroundings::default();
    assert_eq!(points(&plan, &nothing), points(&plan, &around));
    assert_eq!(check(&plan, &around), check(&plan, &around));
}

#[test]
fn a_plan_that_fits_has_nothing_that_a_careful_reader_would_wonder_at() {
    let plan = planned(&small(), &cluster(), &only("pod")).unwrap();
    for check in check(&plan, &cluster()) {
        let expected =
            if check.point == "names in the audit policy" { Verdict::Unknown } else { Verdict::Fine };
        assert_eq!(check.verdict, expected, "{}: {}", check.point, check.found);
    }
}

#[test]
fn telling_words_are_refused_wherever_they_stand() {
    for pointer in ["/metadata/labels", "/metadata/annotations", "/data"] {
        let (verdict, found) = after("telling words", |plan, _| {
            let map = at(plan, "ConfigMap");
            map["metadata"]["labels"] = json!({});
            map["metadata"]["annotations"] = json!({});
            map.pointer_mut(pointer).unwrap()["purpose"] = "a honeypot".into();
        });
        assert_eq!(verdict, Verdict::Refused, "{pointer}");
        assert_eq!(found, "there is `honeypot` in ConfigMap runner-config");
    }
    let (verdict, _) = after("telling words", |plan, _| {
        at(plan, "Deployment")["metadata"]["labels"] = json!({"fake-token": "x"});
    });
    assert_eq!(verdict, Verdict::Refused);
}

#[test]
fn a_namespace_called_bait_is_refused_and_one_for_tests_is_doubtful() {
    for (namespace, expected) in [
        ("honeypot", Verdict::Refused),
        ("bait-2", Verdict::Refused),
        ("test", Verdict::Doubtful),
        ("canary", Verdict::Doubtful),
        ("bootstrap", Verdict::Fine),
    ] {
        let (verdict, found) =
            after("name of the namespace", |plan, _| plan.decoy.namespace = namespace.into());
        assert_eq!(verdict, expected, "{found}");
    }
}

#[test]
fn every_mark_of_this_tool_is_refused() {
    type Change = fn(&mut Plan);
    let changes: [(&str, Change); 6] = [
        ("field manager", |plan| plan.field_manager = "Sundew".into()),
        ("labels of", |plan| at(plan, "Secret")["metadata"]["labels"] = json!({"sundew.io/part": "x"})),
        ("annotations of", |plan| at(plan, "Secret")["metadata"]["annotations"]["by"] = "sundew".into()),
        ("finalizers of", |plan| at(plan, "Secret")["metadata"]["finalizers"] = json!(["x/y"])),
        ("ownerReferences of", |plan| at(plan, "Secret")["metadata"]["ownerReferences"] = json!([{}])),
        ("a kind of its own, sundew.io/v1/Decoy", |plan| {
            plan.objects[0].object.api_version = "sundew.io/v1".into();
            plan.objects[0].object.kind = "Decoy".into();
        }),
    ];
    for (said, change) in changes {
        let (verdict, found) = after("marks of this tool", |plan, _| change(plan));
        assert_eq!(verdict, Verdict::Refused, "{said}");
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn a_role_that_lists_the_decoys_names_is_refused() {
    let with = |name: &str| {
        after("names listed in roles", |plan, _| {
            at(plan, "ClusterRole")["rules"] = json!([{"verbs": ["get"], "resourceNames": [name]}]);
        })
    };
    assert_eq!(
        with("deployer-file"),
        (Verdict::Refused, "ClusterRole deployer-role lists `deployer-file`".into())
    );
    assert_eq!(with("something-else").0, Verdict::Fine);
}

#[test]
fn a_namespace_much_younger_than_its_neighbours_is_doubtful() {
    const POINT: &str = "age of the namespace";
    let made = |at: &str| {
        after(POINT, |_, around| {
            let own = around.things.iter_mut().find(|t| t.kind == SignKind::Namespace && t.name == "tools");
            own.unwrap().created = Some(at.parse().unwrap());
        })
    };
    assert_eq!(made("2026-02-27T10:00:00Z").0, Verdict::Doubtful);
    assert_eq!(made("2026-02-27T10:00:00Z").1, "`tools` is 2 days old, the others 730 (median)");
    assert_eq!(made("2024-06-01T10:00:00Z").0, Verdict::Fine);
    // A clock that is behind makes nobody younger than now.
    assert_eq!(made("2026-03-02T10:00:00Z").0, Verdict::Doubtful);
}

#[test]
fn what_could_not_be_looked_at_is_unknown_and_says_why() {
    for (what, point) in [
        ("namespaces", "age of the namespace"),
        ("serviceaccounts", "name of the account"),
        ("pods", "images"),
        ("pods", "workloads beside it"),
    ] {
        let (verdict, found) =
            after(point, |_, around| around.unseen.push((what.into(), "forbidden".into())));
        assert_eq!(verdict, Verdict::Unknown, "{point}");
        assert_eq!(found, format!("{what} could not be looked at: forbidden"));
    }
    let (verdict, _) = after("age of the namespace", |_, around| {
        around.things.iter_mut().for_each(|thing| thing.created = None);
    });
    assert_eq!(verdict, Verdict::Unknown);
    let (verdict, _) = after("age of the namespace", |_, around| {
        around.things.retain(|thing| thing.kind != SignKind::Namespace || thing.name == "tools");
    });
    assert_eq!(verdict, Verdict::Unknown);
}

#[test]
fn many_objects_of_the_same_minutes_are_doubtful() {
    let of = |count: usize| {
        after("times of creation", |plan, _| {
            let object = plan.objects[0].clone();
            plan.objects = vec![object; count];
        })
    };
    assert_eq!(of(8).0, Verdict::Fine);
    assert_eq!(of(9).0, Verdict::Doubtful);
    assert!(of(9).1.contains("no two share a second") && of(1).1.contains("one object"));
}

#[test]
fn an_account_that_is_not_named_as_the_others_are_is_doubtful() {
    let among = |account: &str, namespace: &str, others: &[&str]| {
        after("name of the account", |plan, around| {
            plan.decoy.account = account.into();
            plan.decoy.namespace = namespace.into();
            around.things.extend(others.iter().map(|name| thing(SignKind::Account, "shop", name)));
        })
    };
    let with = ["a-sa", "b-sa", "c-sa", "d-sa", "e"];
    let without = ["a", "b", "c", "d", "e"];
    assert_eq!(among("deployer", "tools", &with).0, Verdict::Doubtful);
    assert_eq!(among("deployer-sa", "tools", &with).0, Verdict::Fine);
    assert_eq!(among("deployer", "kube-system", &with).0, Verdict::Fine);
    assert_eq!(among("deployer-sa", "tools", &without).0, Verdict::Doubtful);
    assert_eq!(among("deployer", "tools", &without).0, Verdict::Fine);
    assert_eq!(among("deployer-sa", "tools", &without[..4]).0, Verdict::Fine);
}

#[test]
fn programs_that_do_nothing_are_refused() {
    for change in [
        json!({"image": "busybox:1.36"}),
        json!({"image": "docker.io/library/busybox"}),
        json!({"image": "x", "command": ["sleep", "infinity"]}),
        json!({"image": "x", "args": ["tail -f /dev/null"]}),
    ] {
        let (verdict, found) = after("what the pods run", |plan, _| {
            at(plan, "Deployment")["spec"]["template"]["spec"]["containers"] = json!([change]);
        });
        assert_eq!(verdict, Verdict::Refused, "{change}");
        assert!(found.starts_with("Deployment runner runs "), "{found}");
    }
    let (verdict, _) = after("what the pods run", |plan, _| {
        at(plan, "Deployment")["spec"]["template"]["spec"]["initContainers"] = json!([{"image": "busybox"}]);
    });
    assert_eq!(verdict, Verdict::Refused);
}

#[test]
fn images_that_run_nowhere_yet_are_doubtful_and_their_registry_is_told() {
    let with = |image: &str, replicas: u32| {
        after("images", |plan, _| {
            let spec = &mut at(plan, "Deployment")["spec"];
            spec["replicas"] = replicas.into();
            spec["template"]["spec"]["containers"][0]["image"] = image.into();
        })
    };
    let (verdict, found) = with("quay.io/a/b:1", 1);
    assert_eq!(verdict, Verdict::Doubtful);
    assert!(found.contains("it is from quay.io, as no other is"), "{found}");
    let (verdict, found) = with("registry.example/new:1", 1);
    assert!(verdict == Verdict::Doubtful && found.contains("as others are"), "{found}");
    assert_eq!(with("registry.example/shop:1", 1).0, Verdict::Fine);
    // What has no replicas pulls nothing.
    assert_eq!(with("quay.io/a/b:1", 0).0, Verdict::Fine);
    let (verdict, _) =
        after("images", |_, around| around.things.iter_mut().for_each(|thing| thing.images.clear()));
    assert_eq!(verdict, Verdict::Unknown);
}

#[test]
fn a_workload_that_would_be_alone_in_its_namespace_is_doubtful() {
    let (verdict, found) = after("workloads beside it", |_, around| {
        around.things.retain(|thing| thing.kind != SignKind::Workload || thing.namespace != "tools");
    });
    assert!(verdict == Verdict::Doubtful && found.contains("`tools` has no workload"), "{found}");
}

#[test]
fn a_decoy_without_pods_has_nothing_to_say_of_them() {
    for point in ["what the pods run", "images", "workloads beside it"] {
        let (verdict, found) = after(point, |plan, around| {
            plan.objects.retain(|planned| planned.object.kind != "Deployment");
            around.things.clear();
        });
        assert_eq!(verdict, Verdict::Fine, "{found}");
    }
}

#[test]
fn a_date_of_last_use_that_has_not_come_is_refused() {
    let with = |date: &str| {
        after("last use of the token", |plan, _| {
            at(plan, "Secret")["metadata"]["labels"] = json!({"kubernetes.io/legacy-token-last-used": date});
        })
        .0
    };
    assert_eq!(with("2026-03-02"), Verdict::Refused);
    assert_eq!(with("2026-03-01"), Verdict::Fine);
    assert_eq!(with("2025-12-31"), Verdict::Fine);
}
