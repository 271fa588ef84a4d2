use super::*;

const KUBELET: &str = "system:node:worker-1";
const COLLECTOR: &str = "system:serviceaccount:kube-system:pod-garbage-collector";

fn end(world: &mut World, user: &str, class: Class, second: i64) {
    assert_eq!(world.see(&deletes(user, class, "web-0"), second), []);
}

fn known() -> World {
    let mut world = World::new();
    world.usual(WEB, "10.244.1.5", 0, 60);
    world
}

#[test]
fn a_use_after_the_kubelet_took_the_pod_away_is_told_once() {
    let mut world = known();
    end(&mut world, KUBELET, Class::Node, 60);
    let told = assert_told(world.used(WEB, "10.244.1.5", 68), "tokens.after_deletion", Severity::High);
    assert_eq!(
        told.title,
        "The token of pod shop/web-0 was used from 10.244.1.5 8 seconds after the pod was gone"
    );
    assert!(told.notes[0].contains("The kubelet took the pod away at 2026-11-20 22:01:00 UTC"), "{told:?}");
    assert_eq!(world.used(WEB, "10.244.1.5", 69), None);
    assert!(world.used(WEB, "10.244.1.5", 70 + DAY).is_some(), "it is still going on");
}

#[test]
fn from_a_second_address_after_the_end_both_are_told() {
    let mut world = known();
    end(&mut world, KUBELET, Class::Node, 60);
    let told = world.see(&of_pod(WEB, "203.0.113.9"), 100);
    let rules: Vec<&str> = told.iter().map(|told| told.rule).collect();
    assert_eq!(rules, ["tokens.after_deletion", "tokens.second_address"]);
}

#[test]
fn what_was_under_way_at_the_end_is_nothing() {
    let mut world = known();
    end(&mut world, KUBELET, Class::Node, 60);
    world.usual(WEB, "10.244.1.5", 58, 8);
}

#[test]
fn a_pod_that_is_asked_to_end_goes_on_until_it_has() {
    let mut world = known();
    for (user, class) in [
        ("kubernetes-admin", Class::Human),
        ("system:serviceaccount:kube-system:statefulset-controller", Class::Controller),
        ("system:kube-scheduler", Class::Controller),
    ] {
        end(&mut world, user, class, 60);
    }
    world.usual(WEB, "10.244.1.5", 60, 3600);
    end(&mut world, KUBELET, Class::Node, 3660);
    assert!(world.used(WEB, "10.244.1.5", 3670).is_some());
}

#[test]
fn what_is_deleted_without_waiting_may_run_on_for_a_moment() {
    let mut world = known();
    end(&mut world, COLLECTOR, Class::Controller, 60);
    world.usual(WEB, "10.244.1.5", 60, 90);
    assert_told(world.used(WEB, "10.244.1.5", 151), "tokens.after_deletion", Severity::High);
}

#[test]
fn a_pod_that_is_deleted_with_force_is_gone_whoever_does_it() {
    let mut world = known();
    let forced = Seen { forced: true, ..deletes("kubernetes-admin", Class::Human, "web-0") };
    assert_eq!(world.see(&forced, 60), []);
    world.usual(WEB, "10.244.1.5", 61, 60);
    assert_told(world.used(WEB, "10.244.1.5", 151), "tokens.after_deletion", Severity::High);
}

#[test]
fn force_is_read_from_the_query_and_from_a_logged_body() {
    let seen = |verb: &str, resource: &str, query: &str, body: &str| {
        let json = format!(
            r#"{{"stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/pods/web-0{query}","verb":"{verb}",
            "user":{{"username":"bob"}},"objectRef":{{"resource":"{resource}","name":"web-0"}},"responseStatus":{{"code":200}}
            {body}}}"#,
        );
        Seen::of(&sundew_audit::parse::event(&json).unwrap()).unwrap().forced
    };
    let options =
        |grace| format!(r#","requestObject":{{"kind":"DeleteOptions","gracePeriodSeconds":{grace}}}"#);
    assert!(seen("delete", "pods", "?gracePeriodSeconds=0", ""));
    assert!(seen("delete", "pods", "?x=y&gracePeriodSeconds=0", ""));
    assert!(seen("delete", "pods", "", &options("0")));
    for (verb, resource, query, body) in [
        ("delete", "pods", "", String::new()),
        ("delete", "pods", "?gracePeriodSeconds=05", String::new()),
        ("delete", "pods", "", options("30")),
        ("delete", "pods", "", options("null")),
        ("delete", "jobs", "?gracePeriodSeconds=0", String::new()),
        ("get", "pods", "?gracePeriodSeconds=0", String::new()),
    ] {
        assert!(!seen(verb, resource, query, &body), "{verb} {resource} {query} {body}");
    }
}

#[test]
fn a_delete_that_failed_ends_nothing() {
    let mut world = known();
    for code in [0, 403, 404, 409, 500] {
        let failed = Seen { code, ..deletes(KUBELET, Class::Node, "web-0") };
        assert_eq!(world.see(&failed, 60), []);
    }
    let elsewhere = Seen { namespace: "other".into(), ..deletes(KUBELET, Class::Node, "web-0") };
    assert_eq!(world.see(&elsewhere, 60), []);
    assert_eq!(world.see(&deletes(KUBELET, Class::Node, "web-1"), 60), []);
    world.usual(WEB, "10.244.1.5", 61, 3600);
}

#[test]
fn only_the_old_pod_of_a_stateful_set_is_gone() {
    let mut world = known();
    end(&mut world, KUBELET, Class::Node, 60);
    let new = Pod { uid: 2, ..WEB };
    world.usual(new, "10.244.1.6", 62, 600);
    assert_told(world.used(WEB, "10.244.1.5", 700), "tokens.after_deletion", Severity::High);
    world.usual(new, "10.244.1.6", 701, 60);
    // And so on.
    end(&mut world, KUBELET, Class::Node, 800);
    assert_told(world.used(new, "10.244.1.6", 810), "tokens.after_deletion", Severity::High);
}

#[test]
fn a_new_pod_that_is_heard_before_the_end_of_the_old_one_is_not_taken_for_it() {
    // Two API servers write the log, and one comes late.
    let mut world = known();
    let new = Pod { uid: 2, ..WEB };
    world.usual(new, "10.244.1.6", 62, 5);
    end(&mut world, KUBELET, Class::Node, 60);
    world.usual(new, "10.244.1.6", 67, 600);
    assert!(world.used(WEB, "10.244.1.5", 700).is_some());
}

#[test]
fn a_pod_whose_end_was_not_logged_is_gone_when_another_has_its_name() {
    let mut world = known();
    let new = Pod { uid: 2, ..WEB };
    world.usual(new, "10.244.1.6", 100, 60);
    world.usual(WEB, "10.244.1.5", 110, 20);
    let told = assert_told(world.used(WEB, "10.244.1.5", 131), "tokens.after_deletion", Severity::High);
    assert!(told.notes[0].contains("another pod has its name"), "{told:?}");
}

#[test]
fn the_older_of_two_pods_is_gone_whichever_is_heard_first() {
    let mut world = World::new();
    let new = Pod { uid: 2, ..WEB };
    world.usual(new, "10.244.1.6", 100, 60);
    world.usual(WEB, "10.244.1.5", 0, 60);
    world.usual(new, "10.244.1.6", 160, 60);
    assert!(world.used(WEB, "10.244.1.5", 300).is_some());
}

#[test]
fn an_end_that_a_wrong_clock_tells_of_is_mended_by_the_real_one() {
    let mut world = known();
    end(&mut world, KUBELET, Class::Node, 20 * 365 * DAY);
    end(&mut world, KUBELET, Class::Node, -20 * 365 * DAY);
    world.usual(WEB, "10.244.1.5", 60, 600);
    end(&mut world, KUBELET, Class::Node, 660);
    assert!(world.used(WEB, "10.244.1.5", 670).is_some());
}

#[test]
fn the_end_of_a_pod_nobody_heard_of_is_nothing() {
    let mut world = World::new();
    end(&mut world, KUBELET, Class::Node, 0);
    world.usual(WEB, "10.244.1.5", 60, 60);
}
