//! What planning looks at, and which personas fit.

use std::collections::BTreeMap;

use serde_json::json;
use sundew_bait::survey::{Suggestion, images, suggest, surroundings};
use sundew_decoy::{
    Persona,
    persona::{Draft, Sign, SignKind},
    surroundings::Surroundings,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path, query_param},
};

use crate::{
    given::{cluster, persona, small, time},
    standing::connect,
};

fn around() -> Surroundings {
    surroundings("prod", &cluster(), &BTreeMap::new(), time("2026-11-21T12:00:00Z"))
}

fn sign(kind: SignKind, namespace: Option<&str>, name: &str) -> Sign {
    Sign { kind, namespace: namespace.map(str::to_owned), name: name.into() }
}

fn one(persona: &Persona, around: &Surroundings) -> (bool, bool, String) {
    let all = suggest(std::slice::from_ref(persona), around);
    let Suggestion { usable, suggested, because, .. } = all.into_iter().next().unwrap();
    (usable, suggested, because)
}

#[test]
fn everything_with_a_name_is_seen_with_its_age() {
    let around = around();
    let seen = |kind, namespace: &str, name: &str| {
        let thing = |t: &&sundew_decoy::surroundings::Thing| {
            t.kind == kind && t.namespace == namespace && t.name == name
        };
        around.things.iter().find(thing).is_some_and(|thing| thing.created.is_some())
    };
    assert!(seen(SignKind::Namespace, "", "shop") && seen(SignKind::Account, "kube-system", "tiller"));
    assert!(
        seen(SignKind::Workload, "shop", "orders") && seen(SignKind::Workload, "honeypot", "file-backup")
    );
    assert!(
        seen(SignKind::Role, "", "cluster-admin") && seen(SignKind::Secret, "monitoring", "grafana-admin")
    );
    assert_eq!((around.cluster.as_str(), around.unseen.len()), ("prod", 0));
}

#[test]
fn the_images_of_a_namespace_stand_at_its_first_workload_that_runs() {
    let pod = |namespace: &str, name: &str, phase: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": "a"}]}, "status": {"phase": phase}})
    };
    let cluster = small(&json!([
        pod("shop", "done", "Succeeded"),
        pod("shop", "a", "Running"),
        pod("shop", "b", "Running"),
        pod("ci", "c", "Running")
    ]));
    let images = BTreeMap::from([("shop".to_owned(), vec!["shop:1".to_owned(), "proxy:2".to_owned()])]);
    let around = surroundings("prod", &cluster, &images, time("2026-11-21T12:00:00Z"));
    let images: Vec<usize> = around.things.iter().map(|thing| thing.images.len()).collect();
    assert_eq!(images, [0, 2, 0, 0]);
}

#[test]
fn what_could_not_be_read_is_unseen() {
    let mut cluster = cluster();
    cluster
        .absent
        .push(sundew_posture::model::Absent { resource: "secrets".into(), reason: "forbidden".into() });
    let around = surroundings("prod", &cluster, &BTreeMap::new(), time("2026-11-21T12:00:00Z"));
    assert_eq!(around.unseen, [("secrets".to_owned(), "forbidden".to_owned())]);
}

#[test]
fn a_persona_beside_the_real_thing_must_not_be_used() {
    let mut persona = persona("ci-helper");
    persona.fits = vec![sign(SignKind::Namespace, None, "ci")];
    persona.collides =
        vec![sign(SignKind::Account, None, "nobody"), sign(SignKind::Workload, Some("ci"), "run*")];
    let (usable, suggested, because) = one(&persona, &around());
    assert!(!usable && !suggested);
    assert!(because.starts_with("there is workload ci/runner"), "{because}");
}

#[test]
fn a_persona_without_its_namespace_must_not_be_used() {
    let mut persona = persona("jenkins");
    persona.namespaces = vec!["jenkins".into(), "build".into()];
    let (usable, _, because) = one(&persona, &around());
    assert!(!usable && because.contains("no namespace jenkins or build"), "{because}");
    persona.namespaces.push("ci".into());
    assert_eq!(one(&persona, &around()), (true, true, "its namespace ci is there".into()));
}

#[test]
fn a_namespace_that_could_not_be_seen_is_not_called_missing() {
    let mut persona = persona("jenkins");
    persona.namespaces = vec!["jenkins".into()];
    let mut around = around();
    around.things.retain(|thing| thing.kind != SignKind::Namespace);
    around.unseen.push(("namespaces".into(), "forbidden".into()));
    let (usable, suggested, because) = one(&persona, &around);
    assert!(usable && !suggested && because.contains("could not be seen"), "{because}");
}

#[test]
fn a_persona_that_nothing_speaks_for_can_be_used_and_is_not_suggested() {
    let mut persona = persona("azure");
    persona.fits = vec![sign(SignKind::Namespace, None, "azure-*")];
    let (usable, suggested, because) = one(&persona, &around());
    assert_eq!((usable, suggested), (true, false));
    assert_eq!(because, "nothing here speaks for it: there is no azure-*");
}

#[test]
fn an_account_of_its_name_is_told_before_the_plan_stumbles_over_it() {
    let mut persona = persona("tiller");
    persona.namespaces = vec!["kube-system".into()];
    let (usable, suggested, because) = one(&persona, &around());
    assert!(usable && !suggested && because.contains("kube-system/tiller"), "{because}");
}

#[test]
fn those_that_fit_best_come_first_and_those_that_must_not_be_used_last() {
    let around = around();
    let (mut two, mut one, mut pod) = (persona("two"), persona("one"), persona("a-pod"));
    two.fits = vec![sign(SignKind::Namespace, None, "ci"), sign(SignKind::Workload, Some("ci"), "*")];
    one.fits = vec![sign(SignKind::Namespace, None, "shop")];
    pod.fits = one.fits.clone();
    let manifest = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}});
    pod.objects = vec![Draft { part: sundew_decoy::Part::Placement, serves: Vec::new(), manifest }];
    let (plain, mut unfit, mut refused) = (persona("plain"), persona("a-unfit"), persona("a-refused"));
    unfit.fits = vec![sign(SignKind::Role, None, "no-such")];
    refused.collides = vec![sign(SignKind::Namespace, None, "shop")];
    let all = [refused, unfit, plain, pod, one, two];
    let order: Vec<(&str, bool, bool)> =
        suggest(&all, &around).into_iter().map(|s| (s.persona.id.as_str(), s.usable, s.suggested)).collect();
    assert_eq!(
        order,
        [
            ("two", true, true),
            ("one", true, true),
            ("a-pod", true, true),
            ("plain", true, true),
            ("a-unfit", true, false),
            ("a-refused", false, false),
        ]
    );
}

#[tokio::test]
async fn images_are_asked_for_once_a_namespace_and_a_refusal_is_said() {
    let server = MockServer::start().await;
    let pod = |image: &str| json!({"metadata": {"name": "p"}, "spec": {"containers": [{"image": image}]}});
    let pods = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {},
        "items": [pod("b:1"), pod("a:1"), pod("b:1")]});
    Mock::given(method("GET"))
        .and(path("/api/v1/namespaces/shop/pods"))
        .and(query_param("limit", "500"))
        .respond_with(ResponseTemplate::new(200).set_body_json(pods))
        .expect(1)
        .mount(&server)
        .await;
    let connection = connect(&server).await;
    let namespaces = ["shop".to_owned(), "ci".to_owned()];
    let (found, unread) = images(&connection, "kubectl/v1.36.2", &namespaces).await;
    assert_eq!(found, BTreeMap::from([("shop".to_owned(), vec!["a:1".to_owned(), "b:1".to_owned()])]));
    assert_eq!(unread.len(), 1);

    let secrets = connection.hand("kubectl/v1.36.2").list("v1", "Secret", "shop", 5).await;
    assert!(secrets.is_err());
    let requests = server.received_requests().await.unwrap();
    assert!(
        requests.iter().all(|request| !request.url.path().ends_with("/secrets")),
        "their values stay there"
    );
}
