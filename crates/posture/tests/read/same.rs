//! YAML and JSON of the same objects give the same model, in whatever order their fields stand.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use sundew_posture::{Cluster, model::Place};

use super::read;

/// The model with all lines and files forgotten.
pub(crate) fn without_places(mut cluster: Cluster) -> Cluster {
    let Cluster { roles, bindings, accounts, workloads, nodes, namespaces, secrets, admission, .. } =
        &mut cluster;
    let metas = roles.iter_mut().map(|o| &mut o.meta);
    let metas = metas.chain(bindings.iter_mut().map(|o| &mut o.meta));
    let metas = metas.chain(accounts.iter_mut().map(|o| &mut o.meta));
    let metas = metas.chain(workloads.iter_mut().map(|o| &mut o.meta));
    let metas = metas.chain(nodes.iter_mut().map(|o| &mut o.meta));
    let metas = metas.chain(namespaces.iter_mut().map(|o| &mut o.meta));
    let metas = metas.chain(secrets.iter_mut().map(|o| &mut o.meta));
    for meta in metas.chain(admission.iter_mut().map(|o| &mut o.meta)) {
        meta.place = Place::default();
    }
    for notice in &mut cluster.notices {
        notice.place = Place::default();
    }
    cluster.notices.sort();
    cluster
}

/// Words that a careless reader of YAML takes for something else, and plain ones.
const WORDS: &[&str] = &[
    "a",
    "web-1",
    "system:node",
    "",
    "null",
    "~",
    "true",
    "no",
    "0123",
    "1e3",
    "0x1f",
    ".inf",
    "1.0",
    "2026-11-20",
    "a: b",
    "- a",
    "#a",
    "a #b",
    "*",
    "&a",
    "!a",
    "'",
    "\"",
    "\\",
    "a\tb",
    "a\nb",
    "{a}",
    "[a]",
    "é",
    "\u{1F33F}",
    "---",
    "...",
    "<<",
    "%a",
    "@a",
    "`a`",
    " a ",
    "|",
    ">",
];

fn word() -> impl Strategy<Value = Value> {
    select(WORDS).prop_map(Value::from)
}

fn words() -> impl Strategy<Value = Value> {
    prop_oneof![8 => vec(word(), 0..4).prop_map(Value::from), 1 => Just(Value::Null)]
}

fn labels() -> impl Strategy<Value = Value> {
    vec((select(WORDS), word()), 0..3).prop_map(|of| of.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

fn meta() -> impl Strategy<Value = Value> {
    let created = option::of(Just("2026-11-20T22:12:37Z"));
    (word(), option::of(word()), created, option::of(labels()), option::of(labels())).prop_map(
        |(name, namespace, created, labels, annotations)| {
            json!({"name": name, "namespace": namespace, "creationTimestamp": created, "labels": labels,
                "annotations": annotations})
        },
    )
}

fn role() -> impl Strategy<Value = Value> {
    let rule =
        (words(), words(), words(), words(), words()).prop_map(|(verbs, groups, resources, names, urls)| {
            json!({"verbs": verbs, "apiGroups": groups, "resources": resources, "resourceNames": names,
            "nonResourceURLs": urls})
        });
    let selector = (labels(), word(), words()).prop_map(|(labels, key, values)| {
        json!({"matchLabels": labels, "matchExpressions": [{"key": key, "operator": "In", "values": values}]})
    });
    let aggregation = option::of(vec(selector, 0..2).prop_map(|s| json!({"clusterRoleSelectors": s})));
    (select(&["Role", "ClusterRole"][..]), option::of(vec(rule, 0..3)), aggregation).prop_map(
        |(kind, rules, aggregation)| json!({"kind": kind, "rules": rules, "aggregationRule": aggregation}),
    )
}

fn binding() -> impl Strategy<Value = Value> {
    let kinds = select(&["User", "Group", "ServiceAccount", "Robot"][..]);
    let subject = (kinds, word(), option::of(word()))
        .prop_map(|(kind, name, namespace)| json!({"kind": kind, "name": name, "namespace": namespace}));
    let of = select(&["Role", "ClusterRole", "Else"][..]);
    (select(&["RoleBinding", "ClusterRoleBinding"][..]), of, word(), option::of(vec(subject, 0..3))).prop_map(
        |(kind, of, name, subjects)| {
            json!({"kind": kind, "roleRef": {"kind": of, "name": name}, "subjects": subjects})
        },
    )
}

fn pod() -> impl Strategy<Value = Value> {
    let parts = (word(), option::of(any::<bool>()), option::of(0..70_000_i64), words(), any::<bool>());
    parts.prop_map(|(name, flag, number, capabilities, in_template)| {
        let container = json!({
            "name": name,
            "securityContext": {"privileged": flag, "runAsUser": number, "capabilities": {"add": capabilities}},
            "env": [{"name": "A", "value": name}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}}],
            "envFrom": [{"secretRef": {"name": name}}, {"configMapRef": {"name": name}}],
            "ports": [{"containerPort": 80, "hostPort": number}],
            "volumeMounts": [{"name": name, "mountPath": "/a", "readOnly": flag}],
        });
        let spec = json!({
            "serviceAccountName": name, "hostPID": flag, "automountServiceAccountToken": flag,
            "containers": [container], "initContainers": [container], "ephemeralContainers": null,
            "volumes": [{"name": name, "secret": {"secretName": name}}, {"name": "h", "hostPath": {"path": name}},
                {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t",
                    "expirationSeconds": number, "audience": name}}]}}],
        });
        if in_template {
            json!({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}})
        } else {
            json!({"kind": "Pod", "spec": spec, "status": {"phase": "Running"}})
        }
    })
}

fn small() -> impl Strategy<Value = Value> {
    prop_oneof![
        (option::of(any::<bool>()), word()).prop_map(|(automount, name)| {
            json!({"kind": "ServiceAccount", "automountServiceAccountToken": automount, "secrets": [{"name": name}]})
        }),
        word().prop_map(|of| json!({"kind": "Secret", "type": of, "data": {"k": "djE="}, "stringData": {"l": of}})),
        word().prop_map(|of| json!({"kind": "Node", "status": {"nodeInfo": {"kubeletVersion": of}}})),
        Just(json!({"kind": "Namespace"})),
        words().prop_map(|of| {
            json!({"kind": "ValidatingWebhookConfiguration", "webhooks": [{"rules": [{"resources": of}]}]})
        }),
        word().prop_map(|of| json!({"kind": "ConfigMap", "data": {"k": of}})),
    ]
}

/// An object, and by how many its fields are turned round.
fn object() -> impl Strategy<Value = (Value, usize)> {
    (prop_oneof![role(), binding(), pod(), small()], meta(), 0..5_usize).prop_map(
        |(mut object, meta, turn)| {
            object["metadata"] = meta;
            (object, turn)
        },
    )
}

/// The object as JSON with its fields turned round, so that its kind may stand last.
fn turned(object: &Value, turn: usize) -> String {
    let fields: &Map<String, Value> = object.as_object().unwrap();
    let mut fields: Vec<String> =
        fields.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    let turn = turn % fields.len();
    fields.rotate_left(turn);
    format!("{{{}}}", fields.join(",\n"))
}

fn shown(text: &str) -> String {
    format!("{:#?}", without_places(read("a", text)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_and_json_of_the_same_objects_give_the_same_model(objects in vec(object(), 0..6)) {
        let items: Vec<&Value> = objects.iter().map(|(object, _)| object).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let expected = shown(&list.to_string());
        prop_assert_eq!(&expected, &shown(&serde_json::to_string_pretty(&list).unwrap()));
        prop_assert_eq!(&expected, &shown(&serde_saphyr::to_string(&list).unwrap()));
        let documents: Vec<String> = items.iter().map(|item| serde_saphyr::to_string(item).unwrap()).collect();
        prop_assert_eq!(&expected, &shown(&documents.join("---\n")));
        let texts: Vec<String> = objects.iter().map(|(object, turn)| turned(object, *turn)).collect();
        prop_assert_eq!(&expected, &shown(&texts.join("\n")));
        prop_assert_eq!(&expected, &shown(&format!(r#"{{"items":[{}],"kind":"List"}}"#, texts.join(","))));
        // Read one by one, because one more cannot be read.
        let odd = format!(r#"{{"kind":"List","items":[{},{{"kind":"Role","metadata":1}}]}}"#, texts.join(","));
        let odd = odd.replace("[,", "[");
        let mut cluster = without_places(read("a", odd));
        cluster.notices.retain(|notice| !notice.what.starts_with("Role is left out"));
        prop_assert_eq!(&expected, &format!("{cluster:#?}"));
    }
}
