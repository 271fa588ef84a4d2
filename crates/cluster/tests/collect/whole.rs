//! What is asked for, and what is handed over, where all goes well.

use std::{collections::BTreeSet, io::Write};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use sundew_cluster::{CollectOptions, RESOURCES, Reason, SERVICE_ACCOUNT_TOKEN};

use wiremock::ResponseTemplate;

use crate::server::{ADMISSION, Answer, Asked, PODS, SECRETS, Server, list, names, ok, status};

#[tokio::test]
async fn every_kind_is_asked_for_once_and_its_page_names_it() {
    let server = Server::start([]).await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert_eq!(&collected.version.unwrap()[..], br#"{"gitVersion":"v1.36.2"}"#);
    assert!(collected.absent.is_empty() && collected.not_served.is_empty());
    // Secrets are two lists.
    assert_eq!(collected.lists.len(), RESOURCES.len() + 1);
    assert_eq!(pages.len(), RESOURCES.len() + 1);
    let all: BTreeSet<_> = RESOURCES.iter().map(|resource| resource.kind).collect();
    assert_eq!(pages.iter().map(|page| page.resource.kind).collect::<BTreeSet<_>>(), all);
    let lists: BTreeSet<_> = pages.iter().map(|page| page.list).collect();
    assert_eq!(lists.len(), pages.len(), "each list has a number of its own");
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    const ODD: &str = "a+b/c=&d e%";
    let server = Server::start([(
        PODS,
        Box::new(|asked| match asked.query("continue") {
            "" => list("Pod", 0..2, "second"),
            "second" => list("Pod", 2..4, ODD),
            ODD => list("Pod", 4..5, ""),
            _ => status(400, "no such token"),
        }),
    )])
    .await;
    let options = CollectOptions { page_size: 2, ..CollectOptions::default() };
    let (collected, pages) = server.collect(&options).await;
    assert_eq!(names(&pages, "pods"), ["0", "1", "2", "3", "4"]);
    let collected = collected.unwrap();
    let listed = collected.lists.iter().find(|listed| listed.resource.name == "pods").unwrap();
    assert_eq!((listed.items, listed.attempt, listed.mixed), (5, 1, false));
    assert!(server.asked_at(PODS).iter().all(|asked| asked.query("limit") == "2"));
}

#[tokio::test]
async fn of_secrets_only_metadata_is_asked_for_and_tokens_are_told_by_their_list() {
    let server = Server::start([(
        SECRETS,
        Box::new(|asked| match asked.query("fieldSelector") {
            "type=kubernetes.io/service-account-token" => list("PartialObjectMetadata", 0..1, ""),
            "type!=kubernetes.io/service-account-token" => list("PartialObjectMetadata", 1..3, ""),
            _ => status(400, "this asks for too much"),
        }),
    )])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    assert!(collected.unwrap().absent.is_empty());
    let asked = server.asked_at(SECRETS);
    assert_eq!(asked.len(), 2);
    let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    assert!(asked.iter().all(|asked| asked.accept == metadata));
    let (tokens, others): (Vec<_>, Vec<_>) = pages
        .into_iter()
        .filter(|page| page.resource.kind == "Secret")
        .partition(|page| page.secret_type == Some(SERVICE_ACCOUNT_TOKEN));
    assert_eq!(names(&tokens, "secrets"), ["0"]);
    assert_eq!(names(&others, "secrets"), ["1", "2"]);
    assert!(others.iter().all(|page| page.secret_type.is_none()));
}

#[tokio::test]
async fn a_page_may_come_packed_and_is_measured_unpacked() {
    let packed = |asked: &Asked| {
        let padding = " ".repeat(if asked.query("limit") == "1" { 10 } else { 4 << 20 });
        let page = format!(r#"{{"kind":"PodList",{padding}"items":[{{"metadata":{{"name":"0"}}}}]}}"#);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(page.as_bytes()).unwrap();
        ResponseTemplate::new(200)
            .insert_header("content-encoding", "gzip")
            .set_body_bytes(gzip.finish().unwrap())
    };
    let server = Server::start([(PODS, Box::new(packed) as Answer)]).await;
    let options = CollectOptions { page_size: 2, page_bytes: 1 << 20, ..CollectOptions::default() };
    let (collected, pages) = server.collect(&options).await;
    assert!(collected.unwrap().absent.is_empty());
    assert_eq!(names(&pages, "pods"), ["0"]);
    assert_eq!(server.asked_at(PODS).len(), 2, "the first was too large, unpacked");
}

#[tokio::test]
async fn without_secrets_none_is_asked_for() {
    let server = Server::start([]).await;
    let options = CollectOptions { secrets: false, ..CollectOptions::default() };
    let (collected, _) = server.collect(&options).await;
    assert_eq!(collected.unwrap().lists.len(), RESOURCES.len() - 1);
    assert!(server.asked().iter().all(|asked| !asked.path.contains("secrets")));
}

#[tokio::test]
async fn of_named_namespaces_only_these_are_read_and_a_missing_one_is_said() {
    let server = Server::start([(
        "/api/v1/namespaces",
        Box::new(|asked| match asked.query("fieldSelector") {
            "metadata.name=shop" => list("Namespace", 0..1, ""),
            _ => list("Namespace", 0..0, ""),
        }),
    )])
    .await;
    let namespaces = vec!["shop".to_owned(), "sohp".to_owned(), "shop".to_owned()];
    let (collected, pages) =
        server.collect(&CollectOptions { namespaces, ..CollectOptions::default() }).await;
    let collected = collected.unwrap();
    assert!(server.asked_at(PODS).is_empty());
    assert_eq!(server.asked_at("/api/v1/namespaces/shop/pods").len(), 1);
    assert_eq!(server.asked_at("/api/v1/nodes").len(), 1);
    let of_shop = pages.iter().filter(|page| page.namespace.as_deref() == Some("shop")).count();
    let in_namespaces = RESOURCES.iter().filter(|resource| resource.namespaced).count();
    assert_eq!(of_shop, in_namespaces + 2, "the namespace itself, and Secrets twice");
    let [absent] = &collected.absent[..] else { panic!("{:?}", collected.absent) };
    assert_eq!((absent.namespace.as_deref(), &absent.reason), (Some("sohp"), &Reason::NoSuchNamespace));
}

#[tokio::test]
async fn a_namespace_that_could_change_the_path_is_refused_before_anything_is_asked() {
    let server = Server::start([]).await;
    let options = CollectOptions { namespaces: vec!["../nodes?".into()], ..CollectOptions::default() };
    let (collected, _) = server.collect(&options).await;
    assert!(collected.unwrap_err().to_string().contains("`../nodes?` is no name for a namespace"));
    assert_eq!(server.asked().len(), 1, "only /version");
}

#[tokio::test]
async fn policies_are_read_in_the_version_that_the_server_has() {
    let resources = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        ok(&json!({"resources": names}))
    };
    let server = Server::start([
        (
            ADMISSION,
            Box::new(|_| {
                ok(&json!({"versions": [{"version": "v1alpha1"}, {"version": "v1"}, {"version": "v2"}]}))
            }),
        ),
        (
            "/apis/admissionregistration.k8s.io/v1",
            Box::new(move |_| {
                resources(&["validatingwebhookconfigurations", "mutatingwebhookconfigurations"])
            }),
        ),
        (
            "/apis/admissionregistration.k8s.io/v1alpha1",
            Box::new(move |_| resources(&["mutatingadmissionpolicies", "validatingadmissionpolicies"])),
        ),
    ])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    let collected = collected.unwrap();
    assert!(collected.absent.is_empty());
    let page = pages.iter().find(|page| page.resource.name == "mutatingadmissionpolicies").unwrap();
    assert_eq!(page.version, "v1alpha1");
    // Their objects are not understood in that version.
    let missing: Vec<_> = collected.not_served.iter().map(|resource| resource.name).collect();
    assert_eq!(
        missing,
        [
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicybindings"
        ]
    );
}

#[tokio::test]
async fn where_discovery_is_forbidden_the_versions_are_tried() {
    let policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    let server = Server::start([
        (ADMISSION, Box::new(|_| status(403, "no discovery for you"))),
        (policies, Box::new(|_| status(404, "not in this version"))),
    ])
    .await;
    let (collected, pages) = server.collect(&CollectOptions::default()).await;
    assert!(collected.unwrap().absent.is_empty());
    let page = pages.iter().find(|page| page.resource.name == "validatingadmissionpolicies").unwrap();
    assert_eq!(page.version, "v1beta1");
}
