//! What only looks like a touch.

use serde_json::json;

use crate::given::{CLUSTER, DECOY, JTI, Shape, THIEF, TRIPWIRE, read_of_secret, request, use_of_token};

#[track_caller]
fn is_nothing(event: &Shape) {
    assert_eq!(event.judge(), [], "{}", event.line());
}

/// Names near a decoy's.
fn near(name: &str) -> Vec<String> {
    vec![
        format!("{name}-2"),
        format!("{name}2"),
        format!("my-{name}"),
        format!("x{name}"),
        name[..name.len() - 1].to_owned(),
        name[1..].to_owned(),
        name.to_uppercase(),
        format!("{name} "),
        format!(" {name}"),
        format!("{name}\u{0}"),
        name.replace('a', "\u{430}"),
        format!("{name}\u{200b}"),
    ]
}

#[test]
fn users_with_names_near_a_decoy_s() {
    for user in near(DECOY).into_iter().chain([
        "system:serviceaccount:honeypot-2:backup-sa".into(),
        "system:serviceaccount:honeypot:backup-sa:x".into(),
        "backup-sa".into(),
        "honeypot:backup-sa".into(),
        "system:serviceaccounts:honeypot".into(),
    ]) {
        is_nothing(&request("get", "/api").by(&user));
        is_nothing(&request("get", "/api").set("impersonatedUser", json!({"username": user})));
        let review = request("create", "/x").object("subjectaccessreviews.authorization.k8s.io", "", "");
        is_nothing(&review.body(&json!({"spec": {"user": user}})));
    }
}

#[test]
fn objects_with_names_near_a_decoy_s() {
    for name in near("backup-sa-token") {
        is_nothing(&request("get", "/x").object("secrets", "honeypot", &name));
    }
    for name in near("backup-sa") {
        is_nothing(&request("patch", "/x").object("serviceaccounts", "honeypot", &name));
        is_nothing(&request("create", "/x").object("serviceaccounts/token", "honeypot", &name));
        is_nothing(
            &request("create", "/x")
                .object("pods", "honeypot", "x")
                .body(&json!({"spec": {"serviceAccountName": name}})),
        );
        let subject = json!({"kind": "ServiceAccount", "name": name, "namespace": "honeypot"});
        let binding =
            request("create", "/x").object("rolebindings.rbac.authorization.k8s.io", "honeypot", "b");
        is_nothing(&binding.body(&json!({"subjects": [subject]})));
    }
    for name in near("vault") {
        is_nothing(&request("list", "/x").object("pods", &name, ""));
    }
    for id in near(JTI) {
        is_nothing(&request("get", "/x").credential(&id));
    }
}

#[test]
fn a_decoy_s_names_in_another_namespace() {
    let elsewhere =
        |verb: &str, resource: &str, name: &str| request(verb, "/x").object(resource, "shop", name);
    is_nothing(&elsewhere("get", "secrets", "backup-sa-token"));
    is_nothing(&elsewhere("delete", "serviceaccounts", "backup-sa"));
    is_nothing(&elsewhere("create", "serviceaccounts/token", "backup-sa"));
    is_nothing(&elsewhere("create", "pods", "x").body(&json!({"spec": {"serviceAccountName": "backup-sa"}})));
    is_nothing(&elsewhere("create", "pods/exec", "file-backup"));
    let subject = json!({"kind": "ServiceAccount", "name": "backup-sa", "namespace": "shop"});
    is_nothing(
        &elsewhere("create", "rolebindings.rbac.authorization.k8s.io", "b")
            .body(&json!({"subjects": [subject]})),
    );
    let uri = "/api/v1/nodes/worker-1/proxy/exec/shop/file-backup/backup";
    is_nothing(&request("get", uri).object("nodes/proxy", "", "worker-1"));
}

#[test]
fn the_decoy_of_another_cluster() {
    is_nothing(&request("get", "/api").by("system:serviceaccount:ops:deployer"));
    is_nothing(&request("get", "/x").object("secrets", "ops", "deployer-token"));
    let line = use_of_token("get", "/api").line();
    let event = sundew_audit::parse::event(&line).unwrap();
    assert_eq!(TRIPWIRE.judge("other", &event), []);
    assert_eq!(TRIPWIRE.judge("unknown", &event), []);
    assert_eq!(TRIPWIRE.judge(CLUSTER, &event).len(), 1);
}

#[test]
fn a_decoy_s_name_where_text_is_free() {
    for word in
        [DECOY, "backup-sa-token", "backup-sa", "honeypot", "file-backup", JTI, "backup-sa-token/honeypot"]
    {
        let event = || request("list", "/api/v1/pods").object("pods", "", "");
        is_nothing(
            &event().set("requestURI", json!(format!("/api/v1/pods?labelSelector=app%3D{word}&x={word}"))),
        );
        is_nothing(&event().set("userAgent", json!(word)));
        is_nothing(&event().set("auditID", json!(word)));
        is_nothing(&event().set("sourceIPs", json!([word, "10.0.0.1"])));
        is_nothing(&event().annotated("example.com/note", word));
        is_nothing(&event().annotated("authentication.kubernetes.io/legacy-token", word));
        is_nothing(&event().annotated("authentication.kubernetes.io/issued-credential-id", word));
        let data =
            json!({"metadata": {"name": word}, "data": {"serviceAccountName": word, "kubeconfig": word}});
        let map = request("create", "/api/v1/namespaces/honeypot/configmaps").object(
            "configmaps",
            "honeypot",
            word,
        );
        is_nothing(&map.body(&data));
    }
    // The path of a request that enters no pod.
    for uri in [
        "/api/v1/nodes/worker-1/proxy/logs/honeypot/file-backup/backup",
        "/api/v1/nodes/worker-1/proxy/metrics?x=/exec/honeypot/file-backup",
        "/api/v1/nodes/worker-1/proxy/exec/honeypot",
        "/api/v1/nodes/worker-1/proxy",
    ] {
        is_nothing(&request("get", uri).object("nodes/proxy", "", "worker-1"));
    }
}

#[test]
fn a_name_at_another_place_of_a_patch() {
    let patch = |path: &str, value: serde_json::Value, op: &str| {
        let body = json!([{"op": op, "path": path, "value": value}]);
        request("patch", "/x").object("deployments.apps", "honeypot", "web").body(&body)
    };
    is_nothing(&patch("/metadata/annotations/serviceAccountName", json!("backup-sa"), "add"));
    is_nothing(&patch("/metadata/annotations/secretName", json!("backup-sa-token"), "add"));
    is_nothing(&patch("/metadata/labels/secret~1name", json!("backup-sa-token"), "add"));
    is_nothing(&patch("/spec/template/spec/containers/0/name", json!("backup-sa"), "replace"));
    // A test changes nothing.
    is_nothing(&patch("/spec/template/spec/serviceAccountName", json!("backup-sa"), "test"));
}

#[test]
fn looking_at_the_decoy_without_taking_anything() {
    is_nothing(&request("get", "/x").object("serviceaccounts", "honeypot", "backup-sa"));
    is_nothing(&request("list", "/x").object("serviceaccounts", "honeypot", ""));
    is_nothing(&request("get", "/x").object("serviceaccounts/token", "honeypot", "backup-sa"));
    is_nothing(&request("get", "/x").object("pods", "honeypot", "file-backup"));
    is_nothing(&request("get", "/x").object("pods/log", "honeypot", "file-backup"));
    is_nothing(&request("get", "/x").object("pods/proxy", "honeypot", "file-backup"));
    is_nothing(&request("get", "/x").object("namespaces", "honeypot", "honeypot"));
    is_nothing(&request("get", "/x").object("namespaces", "vault", "vault"));
    is_nothing(&request("patch", "/x").object("namespaces", "vault", "vault"));
    is_nothing(&request("delete", "/x").object("rolebindings.rbac.authorization.k8s.io", "honeypot", "b"));
}

#[test]
fn lists_of_secrets_are_left_to_habits() {
    for verb in ["list", "watch", "deletecollection"] {
        is_nothing(&request(verb, "/api/v1/secrets").object("secrets", "", ""));
        is_nothing(&request(verb, "/api/v1/namespaces/honeypot/secrets").object("secrets", "honeypot", ""));
    }
    // A name alone is a touch only where a request returns the decoy's among all namespaces.
    is_nothing(&read_of_secret().object("secrets", "", "backup-sa-token"));
}

#[test]
fn reviews_and_secrets_about_others() {
    let review = request("create", "/x").object("tokenreviews.authentication.k8s.io", "", "").code(201);
    is_nothing(
        &review
            .body(&json!({"spec": {}}))
            .set("responseObject", json!({"status": {"user": {"username": THIEF}}})),
    );
    let secret = |kind: &str, account: &str| {
        let body = json!({"type": kind, "metadata": {"annotations": {"kubernetes.io/service-account.name": account}}});
        request("create", "/x").object("secrets", "honeypot", "mine").body(&body)
    };
    is_nothing(&secret("Opaque", "backup-sa"));
    is_nothing(&secret("kubernetes.io/service-account-token", "default"));
    // Groups are not the decoy.
    let group =
        json!({"subjects": [{"kind": "Group", "name": DECOY}, {"kind": "Group", "name": "backup-sa"}]});
    is_nothing(
        &request("create", "/x")
            .object("clusterrolebindings.rbac.authorization.k8s.io", "", "b")
            .body(&group),
    );
}
