//! What changes in every cluster without anybody having done wrong.

use jiff::SignedDuration;
use sundew_audit::Severity::{Low, Medium};
use sundew_habits::{Memory, Seen, Settings};

use crate::given::{
    CLUSTER, DAY, FRONTEND, at, does, from, hasty, known, refused, request, told, watch_a_day, with,
};

#[test]
fn an_upgrade_of_a_client_is_ordinary() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    assert_eq!(told(&mut memory, &with(&request(FRONTEND), "axios/2.0.0"), now), []);
}

#[test]
fn a_new_replica_in_the_same_network_is_ordinary() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    for peer in ["10.244.3.18", "10.244.9.2", "::ffff:10.244.77.1"] {
        assert_eq!(told(&mut memory, &from(&request(FRONTEND), peer), now), []);
    }
}

#[test]
fn a_restart_of_a_controller_is_ordinary() {
    let operator = "system:serviceaccount:ops:operator";
    let usual = [
        does(&request(operator), ["watch", "deployments.apps", "", ""]),
        does(&request(operator), ["update", "leases.coordination.k8s.io", "ops", "leader"]),
        does(&request(operator), ["update", "deployments.apps/status", "shop", "web"]),
    ];
    let (mut memory, now) = known(&usual);
    for starts in [
        ["get", "/apis", "", ""],
        ["get", "/api/v1", "", ""],
        ["get", "/openapi/v3", "", ""],
        ["get", "leases.coordination.k8s.io", "ops", "leader"],
        ["create", "leases.coordination.k8s.io", "ops", "leader"],
        ["create", "events", "ops", "leader"],
        ["list", "deployments.apps", "", ""],
        ["get", "deployments.apps", "kube-system", "coredns"],
        ["patch", "deployments.apps/status", "shop", "web"],
    ] {
        assert_eq!(told(&mut memory, &does(&usual[0], starts), now), [], "{starts:?}");
    }
}

#[test]
fn a_pod_on_a_node_with_a_range_of_its_own_is_ordinary_where_others_live_there() {
    let others: Vec<Seen<'_>> = ["a", "b", "c"]
        .map(|name| from(&request(&format!("system:serviceaccount:shop:{name}")), "10.245.1.1"))
        .into();
    let (mut memory, now) = known(&[&others[..], &[request(FRONTEND)]].concat());
    assert_eq!(told(&mut memory, &from(&request(FRONTEND), "10.245.1.2"), now), []);
    let elsewhere = from(&request(FRONTEND), "10.246.1.2");
    assert_eq!(told(&mut memory, &elsewhere, now), [("habits.new_network", Low)]);
}

#[test]
fn a_namespace_that_was_just_made_is_ordinary() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let makes = does(&request("bob"), ["create", "namespaces", "", "preview"]);
    memory.observe(CLUSTER, &makes, at(now));
    let young = does(&request(FRONTEND), ["get", "configmaps", "preview", "storefront"]);
    assert_eq!(told(&mut memory, &young, now + 3600), []);
    let reads = |name| does(&request(FRONTEND), ["get", "secrets", "preview", name]);
    assert_eq!(told(&mut memory, &reads("a"), now + 3660), []);
    assert_eq!(
        told(&mut memory, &reads("b"), now + 8000),
        [("habits.new_secret", Medium)],
        "it lives there now"
    );
    let (mut memory, now) = known(&[request(FRONTEND)]);
    assert_eq!(told(&mut memory, &young, now), [("habits.new_namespace", Low)]);
}

#[test]
fn a_namespace_that_is_made_again_is_none_that_was_just_made() {
    let other = request("system:serviceaccount:shop:orders");
    let (mut memory, now) = known(&[request(FRONTEND), other]);
    memory.observe(CLUSTER, &does(&request("bob"), ["create", "namespaces", "", "shop"]), at(now));
    let steals = does(&request(FRONTEND), ["get", "secrets", "shop", "orders-db"]);
    assert_eq!(told(&mut memory, &steals, now), [("habits.new_secret", Medium)]);
}

#[test]
fn who_lists_secrets_may_read_each_of_them() {
    let lists = does(&request(FRONTEND), ["watch", "secrets", "", ""]);
    let (mut memory, now) = known(&[request(FRONTEND), lists]);
    for reads in [["get", "secrets", "shop", "a"], ["list", "secrets", "payments", ""]] {
        assert_eq!(told(&mut memory, &does(&request(FRONTEND), reads), now), []);
    }
}

#[test]
fn a_new_release_of_a_known_secret_is_the_same_secret() {
    let reads = |name| does(&request(FRONTEND), ["get", "secrets", "shop", name]);
    let (mut memory, now) = known(&[reads("tls-6bk4mh8t2c"), reads("sh.helm.release.v1.shop.v12")]);
    assert_eq!(told(&mut memory, &reads("tls-8t2c6bk4mh"), now), []);
    assert_eq!(told(&mut memory, &reads("sh.helm.release.v1.shop.v13"), now), []);
}

#[test]
fn who_makes_secrets_reads_what_it_made() {
    let usual = does(&request(FRONTEND), ["create", "secrets", "shop", "a"]);
    let (mut memory, now) = known(std::slice::from_ref(&usual));
    let reads = does(&usual, ["get", "secrets", "shop", "made"]);
    assert_eq!(told(&mut memory, &reads, now), [("habits.new_secret", Low)]);
}

#[test]
fn growing_again_and_again_becomes_a_habit() {
    let reads = |name| does(&request(FRONTEND), ["get", "secrets", "shop", name]);
    let (mut memory, mut now) = known(&[reads("one")]);
    let names = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"];
    let mut counts = Vec::new();
    for name in names {
        for hour in 1..=24 {
            memory.observe(CLUSTER, &reads("one"), at(now + hour * 3600));
        }
        now += DAY;
        counts.push(told(&mut memory, &reads(name), now).len());
    }
    assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn an_upgrade_of_all_kubelets_is_told_of_the_first_few() {
    let nodes: Vec<String> = (0..50).map(|node| format!("system:node:worker-{node}")).collect();
    let usual: Vec<Seen<'_>> =
        nodes.iter().map(|node| does(&request(node), ["get", "nodes", "", "x"])).collect();
    let mut memory = Memory::default();
    for hour in 0..=25 {
        for seen in &usual {
            (0..2).for_each(|minute| {
                memory.observe(CLUSTER, seen, at(hour * 3600 + minute * 60));
            });
        }
    }
    let upgraded = |node: &String| does(&request(node), ["list", "servicecidrs.networking.k8s.io", "", ""]);
    let count = nodes.iter().filter(|node| !told(&mut memory, &upgraded(node), 25 * 3600).is_empty()).count();
    assert_eq!(count, 5);
}

#[test]
fn secrets_and_pods_come_and_go_on_a_node() {
    let node = request("system:node:worker-1");
    let reads = |name| does(&node, ["get", "secrets", "shop", name]);
    let (mut memory, now) = known(&[reads("a"), does(&node, ["create", "pods", "kube-system", "static"])]);
    assert_eq!(told(&mut memory, &reads("b"), now), []);
    assert_eq!(told(&mut memory, &does(&node, ["watch", "secrets", "new", "c"]), now), []);
    assert_eq!(told(&mut memory, &does(&node, ["create", "pods", "new", "x"]), now), []);
}

#[test]
fn controllers_act_on_whatever_there_is() {
    let controller = request("system:serviceaccount:kube-system:generic-garbage-collector");
    let (mut memory, now) = known(std::slice::from_ref(&controller));
    for does_new in [["list", "secrets", "", ""], ["delete", "pods", "new", "x"], ["patch", "x.y", "z", "x"]]
    {
        assert_eq!(told(&mut memory, &refused(&does(&controller, does_new)), now), []);
    }
}

#[test]
fn people_roam() {
    let bob = with(&request("bob"), "kubectl/v1.32.4 (linux/amd64)");
    let (mut memory, now) = known(std::slice::from_ref(&bob));
    let hotel = from(&bob, "203.0.113.5");
    let upgraded = with(&bob, "kubectl/v1.36.0 (darwin/arm64)");
    let news = does(&bob, ["delete", "pods", "payments", "x"]);
    for ordinary in [hotel, upgraded, news, does(&bob, ["get", "secrets", "shop", "x"]), refused(&bob)] {
        assert_eq!(told(&mut memory, &ordinary, now), [], "{ordinary:?}");
    }
    assert_eq!(told(&mut memory, &with(&bob, "k9s/v0.32.5"), now + 2 * 3600), [("habits.new_client", Low)]);
}

#[test]
fn people_who_list_all_secrets_are_asked_why() {
    let bob = with(&request("bob"), "kubectl/v1.32.4 (linux/amd64)");
    let (mut memory, now) = known(std::slice::from_ref(&bob));
    assert_eq!(told(&mut memory, &does(&bob, ["list", "secrets", "shop", ""]), now), []);
    let all = does(&bob, ["list", "secrets", "", ""]);
    assert_eq!(told(&mut memory, &all, now + 2 * 3600), [("habits.secrets_listed", Medium)]);
}

#[test]
fn a_job_of_the_night_is_ordinary_from_its_second_night() {
    let job = "system:serviceaccount:backup:nightly";
    let steps: Vec<Seen<'_>> = [
        ["list", "pods", "", ""],
        ["list", "secrets", "", ""],
        ["list", "configmaps", "", ""],
        ["create", "jobs.batch", "backup", "x"],
    ]
    .map(|step| does(&request(job), step))
    .into();
    let mut memory = Memory::new(Settings { learn_for: SignedDuration::from_hours(24), ..hasty() });
    for night in 0..7 {
        for hour in 0..24 {
            // Somebody else keeps the clock going.
            memory.observe(CLUSTER, &request(FRONTEND), at(night * DAY + hour * 3600));
        }
        for (minute, step) in (0..).zip(steps.iter().cycle().take(12)) {
            let told = told(&mut memory, step, night * DAY + 23 * 3600 + minute * 60);
            assert_eq!(told, [], "night {night}");
        }
    }
    let other = does(&request(job), ["create", "clusterrolebindings.rbac.authorization.k8s.io", "", "x"]);
    assert_eq!(told(&mut memory, &other, 7 * DAY), [("habits.new_request", Low)]);
}

#[test]
fn who_does_new_things_all_the_time_surprises_nobody() {
    let explorer = "system:serviceaccount:lab:notebook";
    let resources: Vec<String> = (0..600).map(|number| format!("things{number}.example.com")).collect();
    let mut memory = Memory::default();
    for (minute, resource) in (0..).zip(&resources) {
        let seen = Seen { resource: resource.clone().into(), ..request(explorer) };
        memory.observe(CLUSTER, &seen, at(minute * 300));
    }
    let news = does(&request(explorer), ["delete", "pods", "shop", "x"]);
    assert_eq!(told(&mut memory, &news, 600 * 300), []);
    let shown = memory.show(CLUSTER, explorer).unwrap();
    assert!(shown.known);
    assert_eq!(
        shown.missing.unwrap(),
        "it has something new so often that nothing new is told of its: request"
    );
}

#[test]
fn nothing_is_told_of_somebody_who_is_not_known() {
    let mut memory = Memory::default();
    for minute in 0..60 {
        memory.observe(CLUSTER, &request(FRONTEND), at(minute * 60));
    }
    let steals = from(&does(&request(FRONTEND), ["list", "secrets", "", ""]), "203.0.113.5");
    assert_eq!(told(&mut memory, &steals, 3600), []);
    let shown = memory.show(CLUSTER, FRONTEND).unwrap();
    assert_eq!(
        (shown.known, shown.missing.unwrap().as_str()),
        (false, "it must be watched for 23 more hours")
    );
}

#[test]
fn the_same_name_in_another_cluster_is_somebody_else() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let steals = does(&request(FRONTEND), ["list", "secrets", "", ""]);
    assert!(memory.observe("other", &steals, at(now)).novelties.is_empty());
    assert_eq!(memory.identities().len(), 2);
}

#[test]
fn who_was_taught_is_known_at_once() {
    let mut memory = Memory::new(Settings { teaching: true, ..Settings::default() });
    let usual = request(FRONTEND);
    for second in 0..30 {
        memory.observe(CLUSTER, &usual, at(second));
    }
    memory.set(Settings::default());
    assert!(memory.show(CLUSTER, FRONTEND).unwrap().known);
    let lists = does(&usual, ["list", "secrets", "shop", ""]);
    assert_eq!(told(&mut memory, &lists, 31), [("habits.secrets_listed", Medium)]);
}

#[test]
fn a_day_of_work_is_quiet_again_when_it_is_repeated() {
    let usual = [request(FRONTEND), does(&request(FRONTEND), ["get", "secrets", "shop", "a"])];
    let (mut memory, _) = known(&usual);
    watch_a_day(&mut memory, &usual);
}
