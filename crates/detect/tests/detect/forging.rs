//! Whatever a client may choose of an event neither hides a touch nor makes one, nor changes who did it.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use sundew_audit::parse;
use sundew_detect::{Finding, Signal};

use crate::{
    given::{CLUSTER, DECOY, JTI, PEER, Shape, THIEF, TRIPWIRE, is_pointed_at, request},
    rows::{Row, rows},
};

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(rows);

/// Text that a client chooses: anything, and what a detector might take for something.
fn text() -> impl Strategy<Value = String> {
    const WORDS: [&str; 14] = [
        DECOY,
        "backup-sa",
        "backup-sa-token",
        "honeypot",
        "file-backup",
        "vault",
        JTI,
        "system:apiserver",
        "system:node:worker-1",
        "kubelet/v1.36.2 (linux/amd64) kubernetes/5fcf2dc",
        "Unauthorized",
        "\",\"user\":{\"username\":\"system:admin\"}",
        "\\\",\\u0022",
        "\u{0}\u{1f}\u{7f}\u{2028}\u{fffd}\u{1f600}",
    ];
    prop_oneof![any::<String>(), proptest::sample::select(WORDS.as_slice()).prop_map(str::to_owned)]
}

/// The parts of an event that are the client's own words.
#[derive(Debug, Clone)]
struct Chosen {
    agent: String,
    audit_id: String,
    forwarded: Vec<String>,
    query: String,
}

fn chosen() -> impl Strategy<Value = Chosen> {
    let parts = (text(), text(), proptest::collection::vec(text(), 0..4), text());
    parts.prop_map(|(agent, audit_id, forwarded, query)| Chosen { agent, audit_id, forwarded, query })
}

impl Chosen {
    fn put_into(&self, event: &Shape) -> Shape {
        let peer = event.get("sourceIPs")[0].clone();
        let ips: Vec<Value> = self.forwarded.iter().map(|ip| json!(ip)).chain([peer]).collect();
        let uri = event.get("requestURI").as_str().unwrap();
        let join = if uri.contains('?') { '&' } else { '?' };
        event
            .clone()
            .set("userAgent", json!(self.agent))
            .set("auditID", json!(if self.audit_id.is_empty() { "x" } else { &self.audit_id }))
            .set("sourceIPs", json!(ips))
            .set("requestURI", json!(format!("{uri}{join}x={}", self.query)))
    }
}

/// What of a finding no client may change.
fn core(finding: &Finding) -> impl PartialEq + std::fmt::Debug + use<> {
    let Finding { rule, severity, decoy, actor, drill, time, cluster, .. } = finding.clone();
    (rule, severity, decoy, actor.user, actor.ip, drill, time, cluster)
}

/// Requests as they are made all day.
fn innocent() -> Vec<Shape> {
    let binding = json!({"subjects": [{"kind": "ServiceAccount", "name": "frontend", "namespace": "shop"}]});
    let pod = json!({"spec": {"serviceAccountName": "frontend", "containers": [{"name": "web"}]}});
    vec![
        request("get", "/healthz"),
        request("list", "/api/v1/pods").object("pods", "", ""),
        request("list", "/api/v1/secrets").object("secrets", "", ""),
        request("get", "/x").object("secrets", "shop", "orders-db"),
        request("create", "/x").object("pods", "shop", "web-0").body(&pod).code(201),
        request("create", "/x").object("pods/exec", "shop", "web-0").code(101),
        request("create", "/x").object("rolebindings.rbac.authorization.k8s.io", "shop", "b").body(&binding),
        request("create", "/x")
            .object("configmaps", "honeypot", "settings")
            .body(&json!({"data": {"a": "b"}})),
        request("get", "/api/v1/nodes/worker-1/proxy/metrics").object("nodes/proxy", "", "worker-1"),
        request("patch", "/x").object("serviceaccounts", "shop", "frontend").code(403),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_client_s_words_change_nothing_of_a_finding(row in 0..ROWS.len(), chosen in chosen()) {
        let plain = &ROWS[row].event;
        let event = chosen.put_into(plain);
        prop_assert_eq!(core(&event.finding()), core(&plain.finding()));
        prop_assert!(event.is_pointed_at());
    }

    #[test]
    fn a_client_s_words_make_no_finding(index in 0..10usize, chosen in chosen()) {
        let event = chosen.put_into(&innocent()[index]);
        prop_assert_eq!(event.told(), None, "{}", event.line());
        let only_pods = event.judge().iter().all(|signal| matches!(signal, Signal::Entered(_, _, None)));
        prop_assert!(only_pods);
    }

    #[test]
    fn a_name_that_is_no_decoy_s_makes_no_finding(name in text(), namespace in text(), resource in 0..6usize) {
        let resources = ["configmaps", "pods", "services", "secrets/x", "pods/log", "events"];
        prop_assume!(namespace != "vault");
        let event = request("get", "/x").object(resources[resource], &namespace, &name);
        prop_assert_eq!(event.told(), None);
    }

    #[test]
    fn hostile_members_of_a_body_hide_nothing(row in 0..ROWS.len(), hostile in 0..HOSTILE.len()) {
        let row = &ROWS[row];
        let Some(body) = row.event.body_text() else { return Ok(()) };
        let hostile = &HOSTILE[hostile];
        let spoiled = match body.strip_prefix('{') {
            Some(rest) => format!("{{{}:{},{rest}", hostile.key, hostile.value),
            None => format!(r#"[{{"op":"add","path":"/metadata/labels/x","value":{}}},{}"#, hostile.value, &body[1..]),
        };
        let event = row.event.clone().raw_body(spoiled);
        prop_assert_eq!(core(&event.finding()), core(&row.event.finding()), "{}", hostile.key);
        prop_assert!(event.is_pointed_at());
    }

    #[test]
    fn no_body_is_too_odd_to_be_judged(body in odd_json(), resource in 0..9usize, verb in 0..3usize) {
        let resources = [
            "pods", "deployments.apps", "secrets", "rolebindings.rbac.authorization.k8s.io",
            "subjectaccessreviews.authorization.k8s.io", "tokenreviews.authentication.k8s.io",
            "pods/ephemeralcontainers", "cronjobs.batch", "configmaps",
        ];
        let event = request(["create", "update", "patch"][verb], "/x").object(resources[resource], "shop", "web");
        // In this namespace there is nothing to touch, but for a user's whole name.
        let event = event.raw_body(body.clone()).raw("responseObject", body);
        prop_assert_eq!(event.told(), None);
    }

    #[test]
    fn no_line_is_too_broken_to_be_judged(row in 0..ROWS.len(), cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut line = ROWS[row].event.line().into_bytes();
        let at = cut.index(line.len());
        line[at] = byte;
        line.truncate(at.max(1) + 40);
        let text = String::from_utf8_lossy(&line).into_owned();
        let mut event = sundew_audit::Event::default();
        if let Err(reject) = parse::event_into(&text, &mut event) {
            let now = crate::given::at(0);
            let _ = TRIPWIRE.judge_reject(CLUSTER, &reject, &line, Some(&event), now);
        }
        let _ = TRIPWIRE.judge(CLUSTER, &event);
    }
}

/// A member for the front of a body.
struct Hostile {
    key: &'static str,
    value: String,
}

static HOSTILE: LazyLock<Vec<Hostile>> = LazyLock::new(|| {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let one = |key, value: &str| Hostile { key, value: value.to_owned() };
    vec![
        Hostile { key: "\"x\"", value: deep("[", "]") },
        Hostile { key: "\"x\"", value: deep("{\"spec\":", "}").replace("{\"spec\":}", "{\"spec\":1}") },
        Hostile { key: "\"x\"", value: format!("\"{}\"", "a".repeat(1 << 20)) },
        Hostile { key: "\"x\"", value: format!("[{}1]", "1,".repeat(100_000)) },
        Hostile { key: "\"\\ud800\"", value: "\"\\udfff\\ud83d\"".into() },
        one("\"x\"", "\"\\u0000\\u001f\\\"\\\\\\/\""),
        one("\"x\"", "1e999999"),
        one("\"x\"", "-0.000000000000000000000000000000000000000000000000000001E-400"),
        one("\"\"", "null"),
        // Equal keys: the last counts.
        one("\"spec\"", "7"),
        one("\"spec\"", "{\"serviceAccountName\":\"default\"}"),
        one("\"spec\"", "[[]]"),
        one("\"subjects\"", "{\"kind\":\"ServiceAccount\"}"),
        one("\"metadata\"", "\"x\""),
        one("\"type\"", "[\"Opaque\"]"),
        one("\"template\"", "false"),
        one("\"\\u0073pec\"", "null"),
    ]
});

/// JSON with the keys that are read, at all the wrong places and of all the wrong types.
fn odd_json() -> impl Strategy<Value = String> {
    const ODD_KEYS: [&str; 24] = [
        "spec",
        "template",
        "jobTemplate",
        "serviceAccountName",
        "volumes",
        "secret",
        "secretName",
        "containers",
        "envFrom",
        "subjects",
        "kind",
        "name",
        "namespace",
        "user",
        "status",
        "metadata",
        "annotations",
        "type",
        "op",
        "path",
        "value",
        "from",
        "\\ud800",
        "\\u0000",
    ];
    let word = prop_oneof![
        Just(r#""backup-sa""#),
        Just(r#""backup-sa-token""#),
        Just(r#""/spec/serviceAccountName""#),
        Just(r#""/subjects/0/name""#),
        Just(r#""ServiceAccount""#),
        Just(r#""copy""#),
        Just("null"),
        Just("1e400"),
        Just("true"),
        Just("[]"),
        Just("{}"),
        Just(r#""\ud83d\ude00""#),
    ];
    let leaf = word.prop_map(str::to_owned);
    leaf.prop_recursive(6, 60, 6, |inner| {
        let member = (proptest::sample::select(ODD_KEYS.as_slice()), inner.clone())
            .prop_map(|(key, value)| format!("\"{key}\":{value}"));
        prop_oneof![
            proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            proptest::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

#[test]
fn the_peer_is_the_last_address_whatever_stands_before_it() {
    for forged in [
        json!([PEER, "203.0.113.9"]),
        json!(["127.0.0.1", "::1", "203.0.113.9"]),
        json!(["\u{0}", "203.0.113.9"]),
    ] {
        let event = crate::given::read_of_secret().set("sourceIPs", forged);
        assert_eq!(event.finding().actor.ip.as_deref(), Some("203.0.113.9"));
    }
    let none = crate::given::read_of_secret().set("sourceIPs", json!([]));
    assert_eq!(none.finding().actor.ip, None);
}

#[test]
fn a_name_spelled_with_escapes_is_that_name() {
    let line = crate::given::read_of_secret().line();
    for (plain, escaped) in [
        ("\"backup-sa-token\"", "\"backup\\u002dsa-token\""),
        ("\"secrets\"", "\"\\u0073ecrets\""),
        ("\"namespace\"", "\"\\u006eamespace\""),
    ] {
        let line = line.replace(plain, escaped);
        let event = parse::event(&line).unwrap();
        assert!(
            matches!(&TRIPWIRE.judge(CLUSTER, &event)[..], [Signal::Finding(f)] if f.rule == "tripwire.secret_touched")
        );
        assert!(is_pointed_at(&line));
    }
    let subject =
        r#"{"subjects":[{"kind":"Service\u0041ccount","name":"backup\u002dsa","namespace":"honeypot"}]}"#;
    let event = request("create", "/x").object("clusterrolebindings.rbac.authorization.k8s.io", "", "b");
    let event = event.raw_body(subject.into());
    assert_eq!(event.finding().rule, "tripwire.role_bound");
    assert!(event.is_pointed_at());
}

#[test]
fn equal_keys_are_read_as_the_api_server_reads_them() {
    let line = request("get", "/api").by(THIEF).line();
    let twice = line.replacen("\"user\":", &format!("\"user\":{{\"username\":\"{DECOY}\"}},\"user\":"), 1);
    assert_eq!(TRIPWIRE.judge(CLUSTER, &parse::event(&twice).unwrap()), []);
    let other = format!("\"user\":{{\"username\":\"{THIEF}\"}},\"user\":");
    let line = request("get", "/api").by(DECOY).line().replacen("\"user\":", &other, 1);
    assert_eq!(TRIPWIRE.judge(CLUSTER, &parse::event(&line).unwrap()).len(), 1);
}

#[test]
fn long_texts_are_cut_in_findings() {
    let long = "\u{1f600}".repeat(1 << 18);
    let event = crate::given::read_of_secret()
        .set("userAgent", json!(long))
        .set("requestURI", json!(format!("/x?{long}")))
        .set("auditID", json!(long));
    let size = serde_json::to_string(&event.finding()).unwrap().len();
    assert!(size < 16 << 10, "{size}");
}
