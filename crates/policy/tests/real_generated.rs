//! A real kube-apiserver loads the policy that is generated, and logs what each detection needs at the level it needs, with
//! no credential in the log.
#![allow(clippy::unwrap_used)]

use std::{fs, net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use sundew_decoy::Inventory;
use sundew_detect::{Rulebook, Signal, Tripwire};
use sundew_policy::{
    Policy, blind,
    generate::{Choice, generate},
    need::{Needs, Wanted},
    read,
};
use sundew_testplane::{self as testplane, ControlPlane, Pki, binaries};

/// Users of a token file: name, token and group.
const USERS: [(&str, &str, &str); 4] = [
    ("root", "root-token-6be1", "system:masters"),
    ("eve", "eve-token-77aa", "dev"),
    ("system:kube-scheduler", "scheduler-token-12cd", "none"),
    ("system:node:worker-1", "node-token-90ef", "system:nodes"),
];
const DECOY: &str = "system:serviceaccount:honeypot:backup-sa";
/// What must be nowhere in the log.
const PASSWORD: &str = "correct-horse-battery-staple";
const NONSENSE: &str = "nonsense-credential-4242";
/// A request for a certificate for `eve` of `dev`.
const CSR: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIV01INENBUUF3SERFTU1Bb0dBMVVFQ2d3RFpHVjJNUXd3Q2dZRFZRUUREQU5sZG1Vd1dUQVRCZ2NxaGtqTwpQUUlCQmdncWhrak9QUU1CQndOQ0FBVFBsUWJyZjJ5Q1ptSDBjZDFOZkZVR05QSytTNTh5UTBTZVhiMjdUVTRtCkxxWG1CeXhNeTlDdHlqTnZrY1FyNDZKT3lMM3BFRVBTTEVERGZicU4xclp1b0FBd0NnWUlLb1pJemowRUF3SUQKU0FBd1JRSWhBUE9XRVZ3Y3FyT1B0Ty9XdUMyN1N2NkJDMERoK2VPUENSSHo3Vnd4b3lvZEFpQlVSZ2FrUXVNcwptYkxSOFdEQW1zK1VDMjB0bStxd2xiYUJjdGMvSEtpQmtRPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";

fn policy() -> (Policy, Needs) {
    let (book, errors) = Rulebook::new(&[], Default::default());
    assert_eq!(errors, []);
    let needs = Needs::new(&Wanted { tripwire: true, rules: Some(Arc::new(book)), habits: true });
    (generate(&needs, &Choice::default()), needs)
}

/// Who asks an API server.
struct Asking<'p> {
    plane: &'p ControlPlane,
    client: Client,
    token: String,
    acting_as: Option<&'static str>,
}

impl<'p> Asking<'p> {
    fn new(plane: &'p ControlPlane, token: &str) -> Self {
        let from: IpAddr = [127, 0, 0, 1].into();
        Self { plane, client: plane.stranger(from, "curl/8.5"), token: token.to_owned(), acting_as: None }
    }

    fn user(plane: &'p ControlPlane, name: &str) -> Self {
        Self::new(plane, USERS.iter().find(|(user, ..)| *user == name).unwrap().1)
    }

    async fn send(&self, method: Method, uri: &str, kind: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.client.request(method, self.plane.url(uri));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(user) = self.acting_as {
            request = request.header("Impersonate-User", user);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", kind).body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let code = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (code, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, uri: &str) -> (u16, Value) {
        self.send(Method::GET, uri, "", None).await
    }

    async fn post(&self, uri: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, uri, "application/json", Some(body)).await
    }
}

/// A request of the log: who, verb, path, level, stage, whether it has the two bodies, code.
#[derive(Debug, Clone)]
struct Logged {
    user: String,
    verb: String,
    path: String,
    level: String,
    stage: String,
    bodies: [bool; 2],
    code: u64,
    event: Value,
}

impl Logged {
    fn of(line: &str) -> Self {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            user: text(&event["user"]["username"]),
            verb: text(&event["verb"]),
            path: text(&event["requestURI"]),
            level: text(&event["level"]),
            stage: text(&event["stage"]),
            bodies: [event.get("requestObject").is_some(), event.get("responseObject").is_some()],
            code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
            event,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_detections_event_arrives_at_the_level_it_needs_and_no_credential_does() {
    let Some(binaries) = binaries() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    let tokens = USERS.map(|(user, token, group)| format!("{token},{user},uid,\"{group}\"\n"));
    fs::write(folder.path().join("tokens.csv"), tokens.concat()).unwrap();
    let flags = [
        format!("--token-auth-file={}", folder.path().join("tokens.csv").display()),
        "--anonymous-auth=true".to_owned(),
    ];
    let (policy, needs) = policy();
    let yaml = policy.yaml();
    // What is printed is what is meant, and blinds nothing.
    let reread = read("generated", &yaml).unwrap().policy;
    assert_eq!(blind::blind(&reread, &needs), []);
    let wanted = testplane::Wanted { folder: folder.path(), pki: &pki, policy: &yaml, flags: &flags };
    let plane = ControlPlane::start(&binaries, &wanted).await;
    let secrets = exercise(&plane).await;
    let log = plane.log().to_owned();
    assert!(plane.shut_down());
    let log = fs::read_to_string(log).unwrap();
    for secret in
        secrets.iter().map(String::as_str).chain([PASSWORD, NONSENSE, &BASE64_STANDARD.encode(PASSWORD)])
    {
        assert!(!log.contains(secret), "a credential is in the log");
    }
    let logged: Vec<Logged> = log.lines().map(Logged::of).collect();
    arrived(&logged);
    stayed_out(&logged);
    tripped(&log);
}

/// Does what detections tell of; gives the credentials that came of it.
async fn exercise(plane: &ControlPlane) -> Vec<String> {
    let root = Asking::user(plane, "root");
    let (code, _) = root.post("/api/v1/namespaces", &json!({"metadata": {"name": "honeypot"}})).await;
    assert_eq!(code, 201);
    let accounts = "/api/v1/namespaces/honeypot/serviceaccounts";
    root.post(accounts, &json!({"metadata": {"name": "backup-sa"}})).await;
    let token = legacy_token(&root).await;
    root.post(
        "/api/v1/namespaces/honeypot/secrets",
        &json!({"metadata": {"name": "db"}, "stringData": {"password": PASSWORD}}),
    )
    .await;
    let (code, minted) = root
        .post(&format!("{accounts}/backup-sa/token"), &json!({"spec": {"expirationSeconds": 3600}}))
        .await;
    assert_eq!(code, 201);
    let minted = minted["status"]["token"].as_str().unwrap().to_owned();

    // The decoy's token, on paths and on objects; what it may ask of itself.
    let decoy = Asking::new(plane, &token);
    assert_eq!(decoy.get("/version").await.0, 200);
    assert_eq!(decoy.get("/api/v1/pods").await.0, 403);
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "honeypot"}});
    assert_eq!(decoy.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &review).await.0, 201);
    assert_eq!(Asking::new(plane, NONSENSE).get("/api/v1/pods").await.0, 401);
    assert_eq!(Asking::new(plane, "").get("/version").await.0, 200);
    let eve = Asking::user(plane, "eve");
    assert_eq!(eve.post("/api/v1/namespaces/honeypot/pods/x/exec?command=sh", &json!({})).await.0, 403);
    let acting = Asking { acting_as: Some(DECOY), ..Asking::user(plane, "root") };
    acting.get("/api/v1/namespaces").await;

    // Secrets.
    for name in ["db", "backup-sa-token"] {
        assert_eq!(root.get(&format!("/api/v1/namespaces/honeypot/secrets/{name}")).await.0, 200);
    }
    assert_eq!(root.get("/api/v1/secrets").await.0, 200);
    write(&root).await;
    ordinary(plane).await;
    vec![token, minted]
}

/// The token of the decoy's Secret, when the controller has filled it.
async fn legacy_token(root: &Asking<'_>) -> String {
    let secret = json!({
        "metadata": {"name": "backup-sa-token", "annotations": {"kubernetes.io/service-account.name": "backup-sa"}},
        "type": "kubernetes.io/service-account-token",
    });
    assert_eq!(root.post("/api/v1/namespaces/honeypot/secrets", &secret).await.0, 201);
    for _ in 0..300 {
        let (_, secret) = root.get("/api/v1/namespaces/honeypot/secrets/backup-sa-token").await;
        if let Some(token) = secret["data"]["token"].as_str() {
            return String::from_utf8(BASE64_STANDARD.decode(token).unwrap()).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the controller did not fill the Secret");
}

/// What is made and changed, of which detections read the bodies.
async fn write(root: &Asking<'_>) {
    let pod = json!({
        "metadata": {"generateName": "node-debugger-"},
        "spec": {
            "serviceAccountName": "backup-sa",
            "containers": [{"name": "c", "image": "alpine", "volumeMounts": [{"name": "host", "mountPath": "/host"}]}],
            "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
        },
    });
    let (code, pod) = root.post("/api/v1/namespaces/honeypot/pods", &pod).await;
    assert_eq!(code, 201, "{pod}");
    let pod = format!("/api/v1/namespaces/honeypot/pods/{}", pod["metadata"]["name"].as_str().unwrap());
    let now = json!({"gracePeriodSeconds": 0});
    root.send(Method::DELETE, &pod, "application/json", Some(&now)).await;
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let binding = json!({
        "metadata": {"name": "helper"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "honeypot", "name": "default"}],
    });
    assert_eq!(root.post(bindings, &binding).await.0, 201);
    let change = json!([{"op": "replace", "path": "/subjects/0/name", "value": "backup-sa"}]);
    let helper = format!("{bindings}/helper");
    let patched = root.send(Method::PATCH, &helper, "application/json-patch+json", Some(&change));
    assert_eq!(patched.await.0, 200);
    let request = json!({
        "metadata": {"name": "eve"},
        "spec": {"request": CSR, "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]},
    });
    assert_eq!(root.post("/apis/certificates.k8s.io/v1/certificatesigningrequests", &request).await.0, 201);
    let hook = json!({
        "metadata": {"name": "outside"},
        "webhooks": [{
            "name": "outside.example.com", "clientConfig": {"url": "https://outside.example.com/"},
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["bindings"]}],
        }],
    });
    let hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    assert_eq!(root.post(hooks, &hook).await.0, 201);
    let review = json!({"spec": {
        "user": DECOY, "groups": ["system:serviceaccounts"], "nonResourceAttributes": {"path": "/metrics", "verb": "get"},
    }});
    assert_eq!(root.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await.0, 201);
}

/// What nobody needs to read.
async fn ordinary(plane: &ControlPlane) {
    let scheduler = Asking::user(plane, "system:kube-scheduler");
    scheduler.get("/api/v1/pods?limit=1").await;
    scheduler.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler").await;
    let node = Asking::user(plane, "system:node:worker-1");
    node.get("/api/v1/nodes/worker-1").await;
    node.get("/api/v1/namespaces/honeypot/secrets/db").await;
}

/// That each event is there: user, verb, the beginning of the path, stage, level, bodies of request and answer.
fn arrived(logged: &[Logged]) {
    const COMPLETE: &str = "ResponseComplete";
    const META: (&str, [bool; 2]) = ("Metadata", [false, false]);
    const REQUEST: (&str, [bool; 2]) = ("Request", [true, false]);
    const BOTH: (&str, [bool; 2]) = ("RequestResponse", [true, true]);
    let honeypot = "/api/v1/namespaces/honeypot";
    for (user, verb, path, stage, (level, bodies)) in [
        (DECOY, "get", "/version", COMPLETE, META),
        (DECOY, "list", "/api/v1/pods", COMPLETE, META),
        (DECOY, "create", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", COMPLETE, META),
        ("system:apiserver", "patch", &format!("{honeypot}/secrets/backup-sa-token"), COMPLETE, META),
        ("", "list", "/api/v1/pods", "ResponseStarted", META),
        ("system:anonymous", "get", "/version", COMPLETE, META),
        ("eve", "create", &format!("{honeypot}/pods/x/exec"), "ResponseStarted", META),
        ("eve", "create", &format!("{honeypot}/pods/x/exec"), COMPLETE, META),
        ("root", "list", "/api/v1/namespaces", COMPLETE, META),
        ("root", "get", &format!("{honeypot}/secrets/db"), COMPLETE, META),
        ("root", "create", &format!("{honeypot}/secrets"), COMPLETE, META),
        ("root", "list", "/api/v1/secrets", COMPLETE, META),
        ("root", "create", &format!("{honeypot}/serviceaccounts/backup-sa/token"), COMPLETE, META),
        ("root", "create", &format!("{honeypot}/pods"), COMPLETE, BOTH),
        ("root", "delete", &format!("{honeypot}/pods/node-debugger-"), COMPLETE, REQUEST),
        ("root", "create", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", COMPLETE, REQUEST),
        ("root", "patch", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/helper", COMPLETE, BOTH),
        ("root", "create", "/apis/certificates.k8s.io/v1/certificatesigningrequests", COMPLETE, REQUEST),
        (
            "root",
            "create",
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            COMPLETE,
            REQUEST,
        ),
        ("root", "create", "/apis/authorization.k8s.io/v1/subjectaccessreviews", COMPLETE, REQUEST),
        ("system:node:worker-1", "get", &format!("{honeypot}/secrets/db"), COMPLETE, META),
    ] {
        let of = |one: &&Logged| {
            one.user == user && one.verb == verb && one.path.starts_with(path) && one.stage == stage
        };
        let found: Vec<_> = logged.iter().filter(of).collect();
        assert!(!found.is_empty(), "{user} {verb} {path} {stage}");
        for one in found {
            assert_eq!((one.level.as_str(), one.bodies), (level, bodies), "{}", one.event);
        }
    }
    let token = logged.iter().find(|one| one.user == DECOY && one.path == "/version").unwrap();
    assert_eq!(
        token.event["annotations"]["authentication.k8s.io/legacy-token-manual-secret"],
        "backup-sa-token"
    );
    let acted = logged.iter().find(|one| one.event["impersonatedUser"]["username"] == DECOY);
    assert_eq!(acted.unwrap().user, "root");
    let made = logged.iter().find(|one| one.path == "/api/v1/namespaces/honeypot/pods").unwrap();
    let name = made.event["responseObject"]["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("node-debugger-") && name.len() > 14, "{name}");
    assert!(made.event["responseObject"]["metadata"].get("managedFields").is_none());
    assert_eq!(logged.iter().find(|one| one.user.is_empty()).unwrap().code, 401);
}

/// That what is ordinary for the control plane and for kubelets is not there.
fn stayed_out(logged: &[Logged]) {
    let of = |user: &'static str| logged.iter().filter(move |one| one.user == user);
    assert!(of("system:kube-scheduler").next().is_none());
    assert!(of("system:node:worker-1").all(|one| one.path.contains("/secrets/")));
    assert!(logged.iter().all(|one| one.stage != "RequestReceived"));
    for one in of("system:apiserver") {
        assert!(
            one.path.contains("/secrets") || one.verb == "delete",
            "the API server's own ordinary work is logged: {} {}",
            one.verb,
            one.path
        );
    }
    let watches = logged.iter().filter(|one| one.verb == "watch" && !one.path.contains("/secrets"));
    assert!(watches.clone().all(|one| one.stage == "ResponseStarted"), "{:#?}", watches.collect::<Vec<_>>());
}

/// That the tripwire finds in this log what was done.
fn tripped(log: &str) {
    let inventory = "
version: 1
decoys:
- {namespace: honeypot, account: backup-sa, placements: [{secret: backup-sa-token}]}
";
    let tripwire = Tripwire::new(&Inventory::read(inventory).unwrap());
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let event = sundew_audit::parse::event(line).unwrap();
        for signal in tripwire.judge("default", &event) {
            match signal {
                Signal::Finding(finding) | Signal::Unauthorized(finding) => found.push(finding.rule),
                Signal::DecoyPod(..) => found.push("a decoy's pod".to_owned()),
                Signal::Suppressed(_) | Signal::Entered(..) => {}
            }
        }
    }
    found.sort();
    found.dedup();
    assert_eq!(
        found,
        [
            "a decoy's pod",
            "tripwire.account_changed",
            "tripwire.impersonated",
            "tripwire.role_bound",
            "tripwire.secret_touched",
            "tripwire.token_checked",
            "tripwire.token_last_used",
            "tripwire.token_requested",
            "tripwire.token_used",
            "tripwire.unauthorized",
            "tripwire.workload_as_decoy",
        ]
    );
}
