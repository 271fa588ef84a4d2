//! Requests, and memories that know somebody.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use sundew_audit::Severity;
use sundew_habits::{Class, Memory, Novelty, Seen, Settings};

/// The cluster of all tests but those of several.
pub(crate) const CLUSTER: &str = "test";
/// The workload that most tests are about.
pub(crate) const FRONTEND: &str = "system:serviceaccount:shop:frontend";

/// A time: so many seconds after the beginning of 21 November 2026.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_219_200 + seconds).unwrap()
}

/// A request of `user` that is allowed: what the frontend does all day.
pub(crate) fn request(user: &str) -> Seen<'static> {
    Seen {
        user: Cow::Owned(user.to_owned()),
        class: Class::of(user).unwrap(),
        client: "axios/1.7.2".into(),
        peer: "10.244.3.17".into(),
        verb: "get".into(),
        resource: "configmaps".into(),
        namespace: "shop".into(),
        name: "storefront".into(),
        refused: false,
        code: 200,
        forced: false,
        pod_uid: None,
        pod: None,
        node: None,
        credential: None,
    }
}

/// The same, as `verb` of `resource` in `namespace` with `name`.
pub(crate) fn does(
    seen: &Seen<'static>,
    [verb, resource, namespace, name]: [&'static str; 4],
) -> Seen<'static> {
    Seen {
        verb: verb.into(),
        resource: resource.into(),
        namespace: namespace.into(),
        name: name.into(),
        ..seen.clone()
    }
}

/// The same with another client.
pub(crate) fn with(seen: &Seen<'static>, client: &'static str) -> Seen<'static> {
    Seen { client: client.into(), ..seen.clone() }
}

/// The same from elsewhere.
pub(crate) fn from(seen: &Seen<'static>, peer: &'static str) -> Seen<'static> {
    Seen { peer: peer.into(), ..seen.clone() }
}

/// The same, refused.
pub(crate) fn refused(seen: &Seen<'static>) -> Seen<'static> {
    Seen { refused: true, code: 403, ..seen.clone() }
}

/// One day in seconds, after which somebody is known.
pub(crate) const DAY: i64 = 86_400;

/// Each of `usual` once a minute for a little more than a day.
pub(crate) fn watch_a_day(memory: &mut Memory, usual: &[Seen<'static>]) {
    for minute in 0..=1442 {
        for seen in usual {
            let told = memory.observe(CLUSTER, seen, at(minute * 60)).novelties;
            assert!(told.is_empty(), "{told:?}");
        }
    }
}

/// A memory that knows somebody who does each of `usual` once a minute, and the second in which it was last done.
pub(crate) fn known(usual: &[Seen<'static>]) -> (Memory, i64) {
    let mut memory = Memory::default();
    watch_a_day(&mut memory, usual);
    (memory, 1442 * 60)
}

/// The rules and severities of what is told.
pub(crate) fn brief(told: &[Novelty]) -> Vec<(&'static str, Severity)> {
    told.iter().map(|new| (new.rule, new.severity)).collect()
}

/// What is told of one request.
pub(crate) fn told(memory: &mut Memory, seen: &Seen<'static>, second: i64) -> Vec<(&'static str, Severity)> {
    brief(&memory.observe(CLUSTER, seen, at(second)).novelties)
}

/// Settings that know somebody after a minute and three requests.
pub(crate) fn hasty() -> Settings {
    Settings { learn_for: SignedDuration::from_mins(1), least_requests: 3, ..Settings::default() }
}
