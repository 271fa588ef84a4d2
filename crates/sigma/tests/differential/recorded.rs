//! Events of real API servers against rules with values taken from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::LazyLock,
};

use proptest::prelude::*;
use serde_json::Value;

use super::{
    both::Both,
    rule::{Asked, Tape, numbers, rules},
};

/// The fields that rules ask for. In none is a key with a dot in it, which the reference cannot reach.
const FIELDS: [&str; 40] = [
    "verb",
    "stage",
    "level",
    "requestURI",
    "userAgent",
    "user.username",
    "user.uid",
    "user.groups",
    "user",
    "sourceIPs",
    "objectRef",
    "objectRef.resource",
    "objectRef.subresource",
    "objectRef.namespace",
    "objectRef.name",
    "objectRef.apiGroup",
    "objectRef.apiVersion",
    "objectRef.uid",
    "objectRef.resourceVersion",
    "responseStatus",
    "responseStatus.code",
    "responseStatus.reason",
    "responseStatus.status",
    "responseStatus.message",
    "responseStatus.details",
    "responseStatus.details.name",
    "responseStatus.details.kind",
    "responseStatus.details.group",
    "impersonatedUser",
    "impersonatedUser.username",
    "impersonatedUser.groups",
    "requestObject",
    "requestObject.kind",
    "requestObject.metadata.name",
    "requestObject.spec.containers.image",
    "requestObject.spec.template.spec.containers.name",
    "requestObject.spec.replicas",
    "requestObject.rules.verbs",
    "responseObject.metadata.name",
    "nonsense",
];

pub(crate) fn recording(name: &str) -> String {
    let path = format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("the recordings stand in the repository");
    let mut log = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut log).expect("the recordings are sound");
    log
}

/// Events that differ in more than ids and times.
static EVENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (mut seen, mut events) = (BTreeSet::new(), Vec::new());
    for name in ["five", "theft", "quiet"] {
        for line in recording(name).lines() {
            let event: Value = serde_json::from_str(line).expect("the recordings are sound");
            let like = ["verb", "stage", "user", "userAgent", "objectRef", "responseStatus"].map(|key| {
                let text = event[key].to_string();
                text.split("JTI=").next().map(str::to_owned)
            });
            if seen.insert(like) {
                events.push(line.to_owned());
            }
        }
    }
    events
});

static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| {
    let mut values: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    for event in EVENTS.iter() {
        let event: Value = serde_json::from_str(event).expect("the recordings are sound");
        for field in FIELDS {
            follow(&event, field, &mut |value| {
                values.entry(field).or_default().insert(value.to_string(), value.clone());
            });
        }
    }
    let asked = |name| {
        let values = values.remove(name).unwrap_or_default().into_values();
        // Some of many, from all over.
        let values: Vec<_> = values.collect();
        let values = values.iter().step_by(values.len().div_ceil(40).max(1)).cloned().collect();
        Asked { name, values }
    };
    FIELDS.map(asked).into()
});

fn follow(value: &Value, path: &str, with: &mut dyn FnMut(&Value)) {
    match (value, path.split_once('.').unwrap_or((path, ""))) {
        (Value::Array(list), _) => list.iter().for_each(|value| follow(value, path, with)),
        (Value::Object(object), (key, rest)) if !key.is_empty() => {
            object.get(key).into_iter().for_each(|value| follow(value, rest, with));
        }
        (value, ("", _)) => with(value),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_rules_on_recorded_events_have_the_verdicts_of_the_reference(
        tape in numbers(400),
        first in any::<prop::sample::Index>(),
    ) {
        let yaml = rules(12, &ASKED, &mut Tape::new(&tape));
        let both = Both::of(&yaml);
        let first = first.index(EVENTS.len());
        for event in EVENTS.iter().cycle().skip(first).step_by(7).take(200) {
            let [ours, theirs] = both.judge(event);
            prop_assert_eq!(ours, theirs, "{}\n{}", event, yaml);
        }
    }
}
