//! What the tests share: the needs of everything, recordings, policies of one rule.

use std::{
    fs,
    io::Read,
    path::Path,
    sync::{Arc, LazyLock},
};

use sundew_audit::Event;
use sundew_detect::Rulebook;
use sundew_policy::{
    Cut, Level, Policy, Rule, Stage, cut,
    generate::{Choice, generate},
    need::{Needs, Wanted, shapes::Thing},
    read,
};

/// The built-in rules.
pub(crate) static BOOK: LazyLock<Arc<Rulebook>> = LazyLock::new(|| {
    let (book, errors) = Rulebook::new(&[], Default::default());
    assert_eq!(errors, []);
    Arc::new(book)
});

/// What all detectors need.
pub(crate) static NEEDS: LazyLock<Needs> =
    LazyLock::new(|| Needs::new(&Wanted { tripwire: true, rules: Some(Arc::clone(&BOOK)), habits: true }));

/// The policy that is generated for all of it.
pub(crate) static PLAIN: LazyLock<Policy> = LazyLock::new(|| generate(&NEEDS, &Choice::default()));

/// A policy from its rules.
pub(crate) fn policy(rules: &str) -> Policy {
    let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}");
    read("test", &text).unwrap().policy
}

/// Everything at one level.
pub(crate) fn all_at(level: Level) -> Policy {
    Policy {
        omit_stages: vec![Stage::RequestReceived],
        omit_managed_fields: false,
        rules: vec![Rule::new(level)],
    }
}

/// The level below.
pub(crate) fn below(level: Level) -> Level {
    let at = Level::ALL.iter().position(|one| *one == level).unwrap();
    Level::ALL[at.saturating_sub(1)]
}

/// An event's line under a policy; none where nothing is logged.
pub(crate) fn kept(policy: &Policy, json: &str) -> Option<String> {
    let event = sundew_audit::parse::event(json).unwrap();
    match cut(policy, &event, json) {
        Cut::Kept { line, .. } => Some(line.into_owned()),
        Cut::Dropped => None,
    }
}

/// What an event is about, and its verb.
pub(crate) fn about(event: &Event<'_>) -> (Thing, String) {
    let verb = event.verb.decode().into_owned();
    let Some(object) = event.object_ref else {
        let uri = event.request_uri.decode();
        return (Thing::Url(uri.split('?').next().unwrap().to_owned()), verb);
    };
    let text = |text: sundew_audit::Text<'_>| text.decode().into_owned();
    (Thing::object(&text(object.api_group), &text(object.resource), &text(object.subresource)), verb)
}

/// The kind of request that an event is.
pub(crate) fn shape(json: &str) -> Option<usize> {
    let (thing, verb) = about(&sundew_audit::parse::event(json).unwrap());
    NEEDS.shape_of(&thing, &verb)
}

/// The level that a detection needs of the kind of request that an event is; none where none.
pub(crate) fn needed(name: &str, json: &str) -> Option<Level> {
    let shape = shape(json)?;
    let detection = NEEDS.detections().iter().position(|one| one.name == name).unwrap();
    NEEDS.asks(shape).iter().find(|ask| ask.detection == detection).map(|ask| ask.level)
}

/// The lines of a recording's log.
pub(crate) fn recording(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings").join(name).join("audit.log.gz");
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Events of an API server v1.36 and, of the refused impersonation, of one before: see `events.jsonl`.
pub(crate) fn event(verb: &str, path: &str) -> String {
    let text = include_str!("events.jsonl");
    let of = |line: &&str| {
        let event = sundew_audit::parse::event(line).unwrap();
        event.verb == verb && event.request_uri.decode().starts_with(path)
    };
    text.lines().find(of).unwrap().to_owned()
}
