//! Picks at random, and the small parts that all objects share.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// A generator of its own for the object `number` of a kind, so that an object is the same whenever it is made.
pub(crate) fn rng(seed: u64, kind: &str, number: usize) -> Rng {
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15;
    for byte in kind.bytes().chain(number.to_le_bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    Rng::with_seed(state)
}

/// One of `choices`.
pub(crate) fn pick<'a, T: ?Sized>(rng: &mut Rng, choices: &[&'a T]) -> &'a T {
    choices[rng.usize(..choices.len())]
}

/// Whether something holds that holds for `permille` of a thousand.
pub(crate) fn chance(rng: &mut Rng, permille: u32) -> bool {
    rng.u32(..1000) < permille
}

/// The ending that Kubernetes gives to generated names.
pub(crate) fn suffix(rng: &mut Rng, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length).map(|_| char::from(LETTERS[rng.usize(..LETTERS.len())])).collect()
}

/// A random UUID.
pub(crate) fn uid(rng: &mut Rng) -> String {
    let bits = rng.u128(..);
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        bits >> 96,
        bits >> 80 & 0xffff,
        bits >> 68 & 0xfff,
        bits >> 56 & 0xfff,
        bits & 0xffff_ffff_ffff
    )
}

/// A moment before the end of November 2026.
pub(crate) fn time(rng: &mut Rng) -> String {
    let (hour, minute, second) = (rng.u8(..24), rng.u8(..60), rng.u8(..60));
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", day(rng))
}

/// A day before the end of November 2026.
pub(crate) fn day(rng: &mut Rng) -> String {
    let year = 2024 + rng.u16(..3);
    let months = if year == 2026 { 10 } else { 12 };
    let month = rng.u8(1..=months);
    format!("{year}-{month:02}-{:02}", rng.u8(1..=28))
}

/// The `metadata` of an object; `namespace` is empty for one of the whole cluster.
pub(crate) fn meta(rng: &mut Rng, namespace: &str, name: &str) -> Map<String, Value> {
    let mut meta = Map::new();
    meta.insert("creationTimestamp".into(), time(rng).into());
    meta.insert("name".into(), name.into());
    if !namespace.is_empty() {
        meta.insert("namespace".into(), namespace.into());
    }
    meta.insert("resourceVersion".into(), rng.u32(1000..900_000_000).to_string().into());
    meta.insert("uid".into(), uid(rng).into());
    meta
}

/// Labels as Helm sets them.
pub(crate) fn labels(rng: &mut Rng, name: &str) -> Value {
    json!({
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/version": format!("{}.{}.{}", rng.u8(..6), rng.u8(..30), rng.u8(..10)),
        "helm.sh/chart": format!("{name}-{}.{}.0", rng.u8(..9), rng.u8(..40)),
    })
}

/// The controller of an object.
pub(crate) fn owner(group: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{
        "apiVersion": group,
        "blockOwnerDeletion": true,
        "controller": true,
        "kind": kind,
        "name": name,
        "uid": uid,
    }])
}
