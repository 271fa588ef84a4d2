//! What breaks a habit, and how much that weighs.

use sundew_audit::Severity::{High, Low, Medium};

use crate::given::{FRONTEND, does, from, known, refused, request, told, with};

#[test]
fn another_client_alone_is_low() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let other = with(&request(FRONTEND), "okhttp/4.9");
    assert_eq!(told(&mut memory, &other, now), [("habits.new_client", Low)]);
}

#[test]
fn another_network_alone_is_low() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let other = from(&request(FRONTEND), "203.0.113.5");
    assert_eq!(told(&mut memory, &other, now), [("habits.new_network", Low)]);
    let other = from(&request(FRONTEND), "2001:db8::5");
    assert_eq!(told(&mut memory, &other, now), [("habits.new_network", Low)]);
}

#[test]
fn another_request_alone_is_low() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    for (request, rule) in [
        (does(&request(FRONTEND), ["list", "configmaps", "shop", ""]), "habits.new_request"),
        (does(&request(FRONTEND), ["delete", "configmaps", "shop", "storefront"]), "habits.new_request"),
        (does(&request(FRONTEND), ["get", "configmaps", "payments", "x"]), "habits.new_namespace"),
        (does(&request(FRONTEND), ["create", "pods/exec", "shop", "web"]), "habits.new_request"),
    ] {
        assert_eq!(told(&mut memory, &request, now), [(rule, Low)], "{request:?}");
    }
}

#[test]
fn a_request_known_from_one_namespace_is_new_in_another_known_one() {
    let usual = [request(FRONTEND), does(&request(FRONTEND), ["list", "endpoints", "edge", ""])];
    let (mut memory, now) = known(&usual);
    let moved = does(&request(FRONTEND), ["get", "configmaps", "edge", "x"]);
    assert_eq!(told(&mut memory, &moved, now), [("habits.new_namespace", Low)]);
    assert_eq!(told(&mut memory, &usual[1], now), []);
}

#[test]
fn a_secret_that_was_never_read_is_medium() {
    let reads = |name| does(&request(FRONTEND), ["get", "secrets", "shop", name]);
    let (mut memory, now) = known(&[request(FRONTEND), reads("orders-db")]);
    assert_eq!(told(&mut memory, &reads("orders-db"), now), []);
    assert_eq!(told(&mut memory, &reads("payments-api"), now), [("habits.new_secret", Medium)]);
    let watches = does(&request(FRONTEND), ["watch", "secrets", "shop", "tls"]);
    assert_eq!(told(&mut memory, &watches, now), [("habits.new_secret", Medium)]);
}

#[test]
fn secrets_listed_for_the_first_time_are_medium() {
    for place in ["shop", ""] {
        for verb in ["list", "watch"] {
            let (mut memory, now) = known(&[request(FRONTEND)]);
            let lists = does(&request(FRONTEND), [verb, "secrets", place, ""]);
            assert_eq!(told(&mut memory, &lists, now), [("habits.secrets_listed", Medium)]);
        }
    }
}

#[test]
fn secrets_of_the_whole_cluster_are_more_than_those_of_a_namespace() {
    let lists = |place| does(&request(FRONTEND), ["list", "secrets", place, ""]);
    let (mut memory, now) = known(&[request(FRONTEND), lists("shop")]);
    assert_eq!(told(&mut memory, &lists("kube-system"), now), [("habits.secrets_listed", Medium)]);
    assert_eq!(told(&mut memory, &lists(""), now), [("habits.secrets_listed", Medium)]);
    let (mut memory, now) = known(&[request(FRONTEND), lists("")]);
    assert_eq!(told(&mut memory, &lists("kube-system"), now), []);
}

#[test]
fn a_pod_made_by_a_workload_that_never_makes_pods_is_medium() {
    for resource in ["pods", "daemonsets.apps", "cronjobs.batch"] {
        let (mut memory, now) = known(&[request(FRONTEND)]);
        let makes = does(&request(FRONTEND), ["create", resource, "shop", "x"]);
        assert_eq!(told(&mut memory, &makes, now), [("habits.pod_made", Medium)]);
    }
    let usual = [does(&request(FRONTEND), ["create", "jobs.batch", "shop", "x"])];
    let (mut memory, now) = known(&usual);
    let makes = does(&request(FRONTEND), ["create", "pods", "shop", "x"]);
    assert_eq!(told(&mut memory, &makes, now), [("habits.new_request", Low)]);
}

#[test]
fn a_refusal_of_somebody_who_is_never_refused_is_low() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    assert_eq!(told(&mut memory, &refused(&request(FRONTEND)), now), [("habits.refused", Low)]);
    let (mut memory, now) = known(&[refused(&request(FRONTEND))]);
    let other = does(&refused(&request(FRONTEND)), ["get", "configmaps", "shop", "other"]);
    assert_eq!(told(&mut memory, &other, now), []);
}

#[test]
fn a_refusal_of_something_that_gives_power_is_medium() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let tries = refused(&does(&request(FRONTEND), ["create", "pods/exec", "shop", "web"]));
    assert_eq!(told(&mut memory, &tries, now), [("habits.new_request", Medium)]);
    let tries = refused(&does(&request(FRONTEND), ["delete", "pods", "shop", "web"]));
    assert_eq!(told(&mut memory, &tries, now), [("habits.new_request", Low)]);
}

#[test]
fn two_new_things_at_once_are_medium_and_three_are_high() {
    let usual = request(FRONTEND);
    let lists = does(&usual, ["list", "pods", "shop", ""]);
    let client = "okhttp/4.9";
    for (request, severity) in [
        (with(&lists, client), Medium),
        (from(&lists, "203.0.113.5"), Medium),
        (from(&with(&usual, client), "203.0.113.5"), Medium),
        (does(&usual, ["list", "pods", "payments", ""]), Medium),
        (from(&with(&lists, client), "203.0.113.5"), High),
        (with(&does(&usual, ["get", "secrets", "shop", "x"]), client), High),
    ] {
        let (mut memory, now) = known(std::slice::from_ref(&usual));
        assert_eq!(told(&mut memory, &request, now), [("habits.several", severity)], "{request:?}");
    }
}

#[test]
fn a_tool_for_any_request_weighs_more_than_another_program() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let tries = refused(&with(&request(FRONTEND), "curl/8.5.0"));
    assert_eq!(told(&mut memory, &tries, now), [("habits.new_client", Medium)]);
}

#[test]
fn version_and_health_are_open_to_all_and_never_more_than_low() {
    let (mut memory, now) = known(&[request(FRONTEND)]);
    let asks = from(&with(&request(FRONTEND), "curl/8.5.0"), "203.0.113.5");
    assert_eq!(told(&mut memory, &does(&asks, ["get", "/version", "", ""]), now), [("habits.several", Low)]);
    // The hour has begun: what follows is seen in full.
    assert_eq!(told(&mut memory, &does(&asks, ["get", "/api", "", ""]), now), [("habits.several", Medium)]);
}

#[test]
fn a_stolen_credential_of_a_node_is_seen() {
    let node = "system:node:worker-1";
    let usual = [
        with(&does(&request(node), ["get", "nodes", "", "worker-1"]), "kubelet/v1.36.2 (linux/amd64)"),
        with(&does(&request(node), ["get", "secrets", "shop", "a"]), "kubelet/v1.36.2 (linux/amd64)"),
    ];
    let (mut memory, now) = known(&usual);
    let steals = with(&does(&request(node), ["list", "secrets", "", ""]), "kubectl/v1.36.2 (linux/amd64)");
    assert_eq!(told(&mut memory, &steals, now), [("habits.several", High)]);
}

#[test]
fn a_controller_with_another_client_from_another_network_is_seen() {
    let controller = "system:serviceaccount:kube-system:deployment-controller";
    let usual = with(&request(controller), "kube-controller-manager/v0.0.0 (linux/amd64) kubernetes/$Format");
    let (mut memory, now) = known(std::slice::from_ref(&usual));
    let steals = from(&with(&usual, "kubectl/v1.36.2 (linux/amd64)"), "203.0.113.5");
    assert_eq!(told(&mut memory, &steals, now), [("habits.several", Medium)]);
}
