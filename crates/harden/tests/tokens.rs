//! What `harden tokens` finds, decides and writes, on clusters as `kubectl get -o yaml` prints them.
#![allow(clippy::unwrap_used)]

use jiff::{Span, ToSpan};
use serde_json::Value;
use sundew_audit::{Item, Unwrapper};
use sundew_decoy::Inventory;
use sundew_harden::{
    Evidence, Plan,
    tokens::{self, Availability, Exceptions, Kyverno, Question, Rules, TokenReport, TokensError, Verdict},
};
use sundew_posture::{
    Cluster, Reader,
    read::{Assume, parse},
};

const NOW: &str = "2026-11-20T12:00:00Z";

const ACCOUNTS: &str = "
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: ci, namespace: shop}, secrets: [{name: ci-token-old}]}
- {apiVersion: v1, kind: Pod, metadata: {name: idle, namespace: shop}, spec: {automountServiceAccountToken: false, containers: [{name: main}]}}
";

/// A Secret with a token of `account`, made in January, with labels.
fn secret(name: &str, account: &str, labels: &str) -> String {
    format!(
        "- {{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {{name: {name}, namespace: shop, \
         creationTimestamp: \"2026-01-01T00:00:00Z\", annotations: {{kubernetes.io/service-account.name: {account}}}, labels: {{{labels}}}}}}}\n"
    )
}

fn used(day: &str) -> String {
    format!("kubernetes.io/legacy-token-last-used: \"{day}\"")
}

fn invalid(day: &str) -> String {
    format!("kubernetes.io/legacy-token-invalid-since: \"{day}\"")
}

fn cluster(version: &str, items: &str) -> Cluster {
    let text = format!("apiVersion: v1\nkind: List\nitems:\n{ACCOUNTS}{items}");
    let mut reader = Reader::new();
    reader.take(parse("dump.yaml", text.as_bytes(), &Assume::default()).unwrap());
    let mut cluster = reader.finish();
    cluster.version = (!version.is_empty()).then(|| version.parse().unwrap());
    cluster
}

struct Asked<'a> {
    cluster: &'a Cluster,
    evidence: Option<&'a Evidence>,
    decoys: Option<&'a Inventory>,
    rules: Rules,
    window: Span,
}

impl<'a> Asked<'a> {
    fn of(cluster: &'a Cluster) -> Self {
        Self { cluster, evidence: None, decoys: None, rules: Rules::default(), window: 1.hour() }
    }

    fn report(&self) -> TokenReport {
        self.tried().unwrap()
    }

    fn tried(&self) -> Result<TokenReport, TokensError> {
        tokens::assess(&Question {
            cluster: self.cluster,
            evidence: self.evidence,
            window: self.window,
            habits: &|_| None,
            could: &|_| Vec::new(),
            decoys: self.decoys,
            now: NOW.parse().unwrap(),
            rules: &self.rules,
        })
    }
}

fn verdicts(report: &TokenReport) -> Vec<(&str, Verdict)> {
    report.tokens.iter().map(|token| (token.secret.as_str(), token.verdict)).collect()
}

fn text(plan: &Plan) -> String {
    serde_json::to_string(plan).unwrap()
}

fn file<'p>(plan: &'p Plan, name: &str) -> &'p str {
    let files = plan.steps.iter().flat_map(|step| &step.files);
    &files.into_iter().find(|file| file.name == name).unwrap_or_else(|| panic!("no {name}")).text
}

/// Events of a log, each in its own line.
fn evidence(lines: &[String]) -> Evidence {
    let mut evidence = Evidence::default();
    let mut unwrapper = Unwrapper::new();
    for line in lines {
        unwrapper.line(line.as_bytes(), &mut |item| {
            if let Item::Event(event, _) = item {
                evidence.record(event);
            }
        });
    }
    evidence
}

/// A request with the token of a Secret.
fn request(account: &str, secret: &str, peer: &str) -> String {
    let user = format!("system:serviceaccount:shop:{account}");
    serde_json::json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a", "stage": "ResponseComplete",
        "requestURI": "/api/v1/pods", "verb": "list", "user": {"username": user}, "sourceIPs": [peer],
        "userAgent": "kubectl/v1.31.0 (linux/amd64)", "objectRef": {"resource": "pods"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-20T10:00:00.000000Z",
        "annotations": {"authentication.k8s.io/legacy-token": user, "authentication.k8s.io/legacy-token-manual-secret": secret},
    })
    .to_string()
}

const DEPLOYMENT: &str = "
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: deployer, namespace: shop, uid: \"1\"}
  spec:
    template:
      spec:
        serviceAccountName: ci
        containers: [{name: main, volumeMounts: [{name: cred, mountPath: /var/run/cred}]}]
        volumes: [{name: cred, secret: {secretName: mounted}}]
";

#[test]
fn each_token_is_judged_by_its_last_use_and_by_who_reads_it_the_least_risky_first() {
    let items = [
        secret("mounted", "ci", &used("2026-11-19")),
        secret("outside", "ci", &used("2026-11-19")),
        secret("forgotten", "ci", &used("2026-07-01")),
        secret("never", "ci", ""),
        secret("orphan", "gone", ""),
        secret("quiet", "ci", &format!("{}, {}", invalid("2026-10-01"), used("2026-09-30"))),
        secret("tried", "ci", &format!("{}, {}", invalid("2026-10-01"), used("2026-10-02"))),
        secret("fresh", "ci", &invalid("2026-11-18")),
        secret("odd", "ci", &used("yesterday")),
        secret("young", "ci", "").replace("2026-01-01", "2026-11-01"),
        DEPLOYMENT.to_owned(),
    ];
    let cluster = cluster("1.36", &items.concat());
    let report = Asked::of(&cluster).report();
    assert_eq!(
        verdicts(&report),
        [
            ("quiet", Verdict::Delete),
            ("orphan", Verdict::Orphan),
            ("forgotten", Verdict::Invalidate),
            ("never", Verdict::Invalidate),
            ("mounted", Verdict::Pods),
            ("outside", Verdict::Outside),
            ("fresh", Verdict::Wait),
            ("tried", Verdict::Tried),
            ("odd", Verdict::Unknown),
            ("young", Verdict::Unknown),
        ]
    );
    let titles: Vec<&str> = report.plan.steps.iter().map(|step| step.title.as_str()).collect();
    insta::assert_snapshot!(titles.join("\n"), @r"
    Warn of new long-lived tokens, and note them in the audit log
    Delete Secret shop/quiet
    Delete Secret shop/orphan
    Declare the token of Secret shop/forgotten invalid
    Declare the token of Secret shop/never invalid
    Give those who read Secret shop/mounted tokens that expire
    Give whoever uses the token of Secret shop/outside tokens that expire
    Deny new long-lived tokens
    ");
    for step in &report.plan.steps {
        assert!(!step.because.is_empty() && step.apply.len() == step.undo.len(), "{step:#?}");
    }
    assert_eq!(
        report.plan.steps[3].apply,
        ["kubectl label secret forgotten -n shop kubernetes.io/legacy-token-invalid-since=$(date -u +%F)"]
    );
    let restore = file(&report.plan, "restore/shop.quiet.yaml");
    assert!(restore.contains("legacy-token-invalid-since: \"2026-10-01\""), "{restore}");
}

#[test]
fn what_the_clusters_own_cleaner_would_take_is_said() {
    let cluster = cluster("1.36", &secret("ci-token-old", "ci", &used("2026-11-19")));
    let report = Asked::of(&cluster).report();
    assert!(report.tokens[0].listed);
    assert!(report.tokens[0].why[0].contains("takes it away by itself"), "{:?}", report.tokens[0].why);
}

#[test]
fn a_secret_that_pods_cannot_be_known_not_to_read_is_not_deleted() {
    let mut cluster = cluster("1.36", &secret("quiet", "ci", &invalid("2026-10-01")));
    assert_eq!(Asked::of(&cluster).report().tokens[0].verdict, Verdict::Delete);
    cluster
        .absent
        .push(sundew_posture::model::Absent { resource: "pods".into(), reason: "forbidden".into() });
    let report = Asked::of(&cluster).report();
    assert_eq!(report.tokens[0].verdict, Verdict::Wait);
    assert!(
        report.plan.notes.iter().any(|note| note.starts_with("Not read: pods")),
        "{:?}",
        report.plan.notes
    );
    let reading = secret("mounted", "ci", &invalid("2026-10-01")) + DEPLOYMENT;
    let cluster = self::cluster("1.36", &reading);
    let report = Asked::of(&cluster).report();
    assert_eq!(report.tokens[0].verdict, Verdict::Wait);
    assert!(
        report.tokens[0].next.contains("take it out of Deployment deployer"),
        "{}",
        report.tokens[0].next
    );
}

#[test]
fn a_server_that_does_not_note_uses_leaves_them_unknown() {
    let items = secret("never", "ci", "");
    for (version, said) in [("1.27", "notes the use of tokens from 1.28 on"), ("", "--kubernetes-version")] {
        let cluster = cluster(version, &items);
        let report = Asked::of(&cluster).report();
        assert_eq!(report.tokens[0].verdict, Verdict::Unknown);
        assert!(report.tokens[0].why.last().unwrap().contains(said), "{:?}", report.tokens[0].why);
    }
}

#[test]
fn a_server_that_does_not_heed_the_label_is_not_asked_to() {
    let items = secret("forgotten", "ci", &used("2026-07-01"))
        + &secret("quiet", "ci", &format!("{}, {}", invalid("2026-10-01"), used("2026-07-01")));
    let cluster = cluster("1.28", &items);
    let report = Asked::of(&cluster).report();
    assert_eq!(verdicts(&report), [("forgotten", Verdict::Unknown), ("quiet", Verdict::Unknown)]);
    assert!(
        report.tokens[0].why.last().unwrap().contains("does not heed the label"),
        "{:?}",
        report.tokens[0].why
    );
    assert!(!text(&report.plan).contains("kubectl label"));
}

#[test]
fn the_logs_tell_each_secret_its_own_peers_even_where_no_use_was_noted() {
    let items = secret("a", "ci", "") + &secret("b", "ci", "");
    let cluster = cluster("1.27", &items);
    let logs = evidence(&[request("ci", "a", "10.0.0.9"), request("ci", "a", "10.0.0.9")]);
    let report = Asked { evidence: Some(&logs), ..Asked::of(&cluster) }.report();
    let [a, b] = ["a", "b"].map(|name| report.tokens.iter().find(|token| token.secret == name).unwrap());
    assert_eq!((a.verdict, b.verdict), (Verdict::Outside, Verdict::Unknown));
    let uses = a.used.as_ref().unwrap();
    assert_eq!((uses.exact, uses.requests, uses.peers[0].what.as_str()), (true, 2, "10.0.0.9"));
    assert!(b.used.is_none());
    // Two events at one time cover nothing.
    assert!(
        report.plan.notes.iter().any(|note| note.contains("do not cover the window")),
        "{:?}",
        report.plan.notes
    );
}

#[test]
fn secrets_that_cannot_be_read_conclude_nothing_but_uses_in_the_logs_are_told() {
    let mut cluster = cluster("1.36", "");
    cluster
        .absent
        .push(sundew_posture::model::Absent { resource: "secrets".into(), reason: "forbidden".into() });
    let logs = evidence(&[request("ci", "a", "10.0.0.9")]);
    let report = Asked { evidence: Some(&logs), ..Asked::of(&cluster) }.report();
    assert!(!report.secrets_read && report.tokens.is_empty());
    assert!(report.plan.notes[0].contains("nothing is concluded"), "{:?}", report.plan.notes);
    assert!(report.plan.notes.iter().any(|note| note.contains("shop/a")), "{:?}", report.plan.notes);
}

#[test]
fn decoys_are_in_nothing_that_is_written() {
    let bait = "
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: tiller, namespace: shop}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: tiller-deploy, namespace: shop}
  spec: {template: {spec: {serviceAccountName: tiller, containers: [{name: main}], volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 999999}}]}}]}}}
";
    let items = secret("tiller-token", "tiller", &used("2026-11-19")) + &secret("real", "ci", "") + bait;
    let cluster = cluster("1.36", &items);
    let inventory = Inventory::read(
        "{version: 1, decoys: [{namespace: shop, account: tiller, placements: [{secret: tiller-token}]}]}",
    )
    .unwrap();
    let logs = evidence(&[request("tiller", "tiller-token", "6.6.6.6")]);
    let asked = Asked { evidence: Some(&logs), decoys: Some(&inventory), ..Asked::of(&cluster) };
    let report = asked.report();
    assert_eq!((report.left_out, report.tokens.len()), (1, 1));
    let written = serde_json::to_string(&report).unwrap();
    assert!(
        !written.contains("tiller") && !written.contains("6.6.6.6") && !written.contains("leftOut"),
        "{written}"
    );
    assert!(!text(&report.plan).to_lowercase().contains("decoy"));
    let without = Asked { decoys: None, ..asked }.report();
    assert_eq!((without.tokens.len(), without.others.len()), (2, 1));
}

#[test]
fn what_is_no_template_any_more_reads_nothing() {
    let old = "
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata: {name: deployer-1, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: deployer, uid: \"1\", controller: true}]}
  spec:
    replicas: 0
    template:
      spec:
        serviceAccountName: ci
        containers: [{name: main}]
        volumes: [{name: cred, secret: {secretName: outside}}]
";
    let items = secret("outside", "ci", &used("2026-11-19")) + DEPLOYMENT + old;
    let cluster = cluster("1.36", &items);
    assert_eq!(verdicts(&Asked::of(&cluster).report()), [("outside", Verdict::Outside)]);
    // While its pods run they read it.
    let pod = "
- apiVersion: v1
  kind: Pod
  metadata: {name: deployer-1-x, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: deployer-1, uid: \"2\", controller: true}]}
  spec: {serviceAccountName: ci, containers: [{name: main}], volumes: [{name: cred, secret: {secretName: outside}}]}
";
    let cluster = self::cluster("1.36", &(items + pod));
    let report = Asked::of(&cluster).report();
    assert_eq!(verdicts(&report), [("outside", Verdict::Pods)]);
    assert_eq!(report.tokens[0].readers[0].object(), "Deployment deployer");
}

#[test]
fn readers_get_a_projected_volume_where_a_patch_can_make_it_and_words_where_not() {
    let env = "
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: env, namespace: shop}
  spec: {template: {spec: {serviceAccountName: ci, containers: [{name: main, env: [{name: T, valueFrom: {secretKeyRef: {name: mounted, key: token}}}]}]}}}
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: foreign, namespace: shop}
  spec: {template: {spec: {serviceAccountName: default, containers: [{name: main}], volumes: [{name: v, secret: {secretName: mounted}}]}}}
";
    let cluster = cluster("1.36", &(secret("mounted", "ci", &used("2026-11-19")) + DEPLOYMENT + env));
    let report = Asked::of(&cluster).report();
    let step = &report.plan.steps[1];
    assert_eq!(
        step.apply,
        [
            "kubectl patch deployment deployer -n shop --type=strategic --patch-file pods/shop.deployment.deployer.cred.yaml"
        ]
    );
    assert_eq!(
        step.undo,
        [
            "kubectl patch deployment deployer -n shop --type=strategic --patch-file pods/back/shop.deployment.deployer.cred.yaml"
        ]
    );
    let back: Value =
        serde_saphyr::from_str(file(&report.plan, "pods/back/shop.deployment.deployer.cred.yaml")).unwrap();
    let volume = &back["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!((&volume["name"], &volume["secret"]["secretName"]), (&"cred".into(), &"mounted".into()));
    assert_eq!(volume["$retainKeys"], serde_json::json!(["name", "secret"]));
    let said = step.because.join("\n");
    assert!(said.contains("StatefulSet env reads the Secret into its environment"), "{said}");
    assert!(
        said.contains("DaemonSet foreign runs as ServiceAccount default and holds a token of ci"),
        "{said}"
    );
    let patch: Value =
        serde_saphyr::from_str(file(&report.plan, "pods/shop.deployment.deployer.cred.yaml")).unwrap();
    let volume = &patch["spec"]["template"]["spec"]["volumes"][0];
    assert_eq!(volume["name"], "cred");
    assert_eq!(volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"], 3600);
}

#[test]
fn each_patch_of_one_workload_has_a_way_back_of_its_own() {
    let two = "
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: both, namespace: shop}
  spec: {template: {spec: {serviceAccountName: ci, containers: [{name: main}], volumes: [{name: one, secret: {secretName: mounted}}, {name: '2', secret: {secretName: mounted}}]}}}
";
    let cluster = cluster("1.36", &(secret("mounted", "ci", &used("2026-11-19")) + two));
    let step = &Asked::of(&cluster).report().plan.steps[1];
    assert_eq!((step.apply.len(), step.undo.len(), step.files.len()), (2, 2, 4), "{step:#?}");
    for undo in &step.undo {
        let name = undo.rsplit_once(' ').unwrap().1;
        let back = step.files.iter().find(|file| file.name == name).unwrap();
        let back: Value = serde_saphyr::from_str(&back.text).unwrap();
        let volume = &back["spec"]["template"]["spec"]["volumes"][0];
        assert!(name.ends_with(&format!(".{}.yaml", volume["name"].as_str().unwrap())), "{name}: {volume}");
    }
}

#[test]
fn names_that_kubernetes_would_refuse_become_no_commands() {
    let cluster = cluster("1.36", &secret("\"x; reboot\"", "ci", &used("2026-07-01")));
    let report = Asked::of(&cluster).report();
    assert_eq!(report.tokens[0].verdict, Verdict::Invalidate);
    assert!(!text(&report.plan).contains("reboot"));
    assert!(report.plan.notes.iter().any(|note| note.contains("left alone")), "{:?}", report.plan.notes);
}

#[test]
fn the_policy_fits_the_clusters_version_and_kyverno_is_offered_where_it_is_of_use() {
    let kyverno = "- {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: kyverno-policy-validating-webhook-cfg}, webhooks: []}";
    let other = kyverno.replace("kyverno", "other");
    let (new, old) = (Availability::BuiltIn, Availability::Missing);
    for (version, items, availability, seen, files, said) in [
        ("1.36", "", new, Kyverno::Unknown, "long-lived-tokens.yaml", "could not be seen"),
        ("1.36", &*other, new, Kyverno::NotSeen, "long-lived-tokens.yaml", "Kyverno was not seen"),
        ("1.36", kyverno, new, Kyverno::Seen, "kyverno.yaml long-lived-tokens.yaml", "apply one of them"),
        ("1.29", "", Availability::Gated, Kyverno::Unknown, "kyverno.yaml", "feature gate"),
        ("1.24", &*other, old, Kyverno::NotSeen, "kyverno.yaml", "nothing here denies"),
        ("1.24", kyverno, old, Kyverno::Seen, "kyverno.yaml", "has no ValidatingAdmissionPolicy (1.30 has)"),
        ("", "", Availability::Unknown, Kyverno::Unknown, "long-lived-tokens.yaml", "version is not known"),
    ] {
        let cluster = cluster(version, items);
        let report = Asked::of(&cluster).report();
        assert_eq!((report.admission_policies, report.kyverno), (availability, seen), "{version} {items}");
        let names: Vec<&str> =
            report.plan.steps[0].files.iter().map(|file| file.name.trim_start_matches("policy/")).collect();
        assert_eq!(names.join(" "), files, "{version} {items}");
        assert!(report.plan.notes.iter().any(|note| note.contains(said)), "{said}: {:?}", report.plan.notes);
    }
    let kinds = ["1.36", "1.24"].map(|version| {
        let report = Asked::of(&cluster(version, kyverno)).report();
        let policy: Value = serde_saphyr::from_str(file(&report.plan, "policy/kyverno.yaml")).unwrap();
        format!("{} {}", policy["apiVersion"].as_str().unwrap(), policy["kind"].as_str().unwrap())
    });
    assert_eq!(kinds, ["policies.kyverno.io/v1 ValidatingPolicy", "kyverno.io/v1 ClusterPolicy"]);
}

#[test]
fn the_policy_warns_until_it_is_told_to_deny_and_names_only_who_is_excepted() {
    let cluster = cluster("1.36", "");
    let exceptions = Exceptions {
        users: vec!["alice".into(), r"o'brien\x".into()],
        groups: vec!["ops: #1".into()],
        namespaces: vec!["legacy".into()],
    };
    let rules = Rules { exceptions, deny: false, longest: Some(86_400) };
    let report = Asked { rules: rules.clone(), ..Asked::of(&cluster) }.report();
    let documents = |name: &str| -> Vec<Value> {
        file(&report.plan, name).split("---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
    };
    let [policy, binding] = &documents("policy/long-lived-tokens.yaml")[..] else { panic!("two documents") };
    assert_eq!(policy["spec"]["failurePolicy"], "Ignore");
    assert_eq!(binding["spec"]["validationActions"], serde_json::json!(["Warn", "Audit"]));
    assert!(policy["spec"].get("paramKind").is_none());
    let variable = |name: &str| {
        let all = policy["spec"]["variables"].as_array().unwrap();
        all.iter().find(|variable| variable["name"] == name).unwrap()["expression"].clone()
    };
    assert_eq!(variable("users"), r"['alice', 'o\'brien\\x']");
    assert_eq!(variable("groups"), "['ops: #1']");
    let [policy, binding] = &documents("policy/deny-long-lived-tokens.yaml")[..] else {
        panic!("two documents")
    };
    assert_eq!(policy["spec"]["failurePolicy"], "Fail");
    assert_eq!(binding["spec"]["validationActions"], serde_json::json!(["Deny", "Audit"]));
    let requests = &documents("policy/long-lived-token-requests.yaml")[0];
    assert!(requests["spec"]["matchConditions"][0]["expression"].as_str().unwrap().ends_with("> 86400"));
    let last = report.plan.steps.last().unwrap();
    assert_eq!(last.undo[0], "kubectl apply -f policy/long-lived-tokens.yaml");

    let at_once = Asked { rules: Rules { deny: true, ..rules }, ..Asked::of(&cluster) }.report();
    assert_eq!(at_once.plan.steps.len(), 1);
    assert!(file(&at_once.plan, "policy/long-lived-tokens.yaml").contains("[Deny, Audit]"));
}

#[test]
fn exceptions_that_are_none_are_refused_by_name() {
    let cluster = cluster("1.36", "");
    let refused = |exceptions: Exceptions, longest: Option<i64>| {
        let rules = Rules { exceptions, deny: false, longest };
        Asked { rules, ..Asked::of(&cluster) }.tried().unwrap_err().to_string()
    };
    let one = |text: &str| vec![text.to_owned()];
    for user in ["", " a", "a\nb"] {
        let said = refused(Exceptions { users: one(user), ..Exceptions::default() }, None);
        assert!(said.starts_with("--allow-user `") && !said.contains('\n'), "{said}");
    }
    let all = refused(Exceptions { groups: one("system:authenticated"), ..Exceptions::default() }, None);
    assert!(all.contains("has everybody in it"), "{all}");
    let namespace = refused(Exceptions { namespaces: one("Shop"), ..Exceptions::default() }, None);
    assert!(namespace.contains("`Shop` is no name of a namespace"), "{namespace}");
    let short = refused(Exceptions::default(), Some(60));
    assert!(short.contains("10 minutes"), "{short}");
}

#[test]
fn tokens_that_live_as_long_are_told_with_what_can_be_known() {
    let pod = "
- apiVersion: v1
  kind: Pod
  metadata: {name: long, namespace: shop}
  spec: {serviceAccountName: ci, automountServiceAccountToken: false, containers: [{name: main}], volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 31536000}}]}}]}
";
    let cluster = cluster("1.36", pod);
    let event = |more: Value| {
        let mut event: Value = serde_json::from_str(&request("ci", "a", "10.0.0.9")).unwrap();
        event["annotations"] = serde_json::json!({});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event.to_string()
    };
    let asks = |user: &str, body: Option<i64>| {
        let mut event: Value = serde_json::from_str(&event(serde_json::json!({
            "verb": "create", "user": {"username": user}, "responseStatus": {"code": 201},
            "objectRef": {"resource": "serviceaccounts", "subresource": "token", "namespace": "shop", "name": "ci"}}))).unwrap();
        if let Some(seconds) = body {
            event["requestObject"] = serde_json::json!({"spec": {"expirationSeconds": seconds}});
        }
        event.to_string()
    };
    let loose = |time: &str| {
        let extra = serde_json::json!({"authentication.kubernetes.io/credential-id": ["JTI=1"]});
        event(serde_json::json!({"requestReceivedTimestamp": time,
            "user": {"username": "system:serviceaccount:shop:ci", "extra": extra}}))
    };
    let stale = event(serde_json::json!({"annotations":
        {"authentication.k8s.io/stale-token": "subject: system:serviceaccount:shop:ci, seconds after warning threshold: 7200"}}));
    let logs = evidence(&[
        asks("alice", Some(31_536_000)),
        asks("bob", None),
        asks("carol", Some(3600)),
        loose("2026-11-01T00:00:00.000000Z"),
        loose("2026-11-06T00:00:00.000000Z"),
        stale,
    ]);
    let report = Asked { evidence: Some(&logs), ..Asked::of(&cluster) }.report();
    let what: Vec<&str> = report.others.iter().map(|other| other.what.as_str()).collect();
    insta::assert_snapshot!(what.join("\n"), @r"
    alice was given 1 token, and asked for up to 365 days
    one that is bound to no pod was in use for 5 days and more
    its client did not read its token anew for 2 hours after it should have
    Pod long mounts one that lives for 365 days, as long as its pod does
    ");
    assert!(
        report.plan.notes.iter().any(|note| note.contains("TokenRequest gave 1 token to others")),
        "{:?}",
        report.plan.notes
    );
}
