//! What only the inside shows: nothing is held longer than somebody needs it.

use std::borrow::Cow;

use jiff::Timestamp;
use proptest::prelude::*;

use super::{Memory, Settings};
use crate::{Class, Seen};

fn seen(user: &str, what: [&str; 5], refused: bool) -> Seen<'static> {
    let own = |text: &str| Cow::Owned(text.to_owned());
    let [client, verb, resource, namespace, name] = what;
    Seen {
        user: own(user),
        class: Class::of(user).unwrap(),
        client: own(client),
        peer: own(&format!("10.{}.0.1", name.len())),
        verb: own(verb),
        resource: own(resource),
        namespace: own(namespace),
        name: own(name),
        refused,
        code: if refused { 403 } else { 200 },
        forced: false,
        pod_uid: None,
        pod: None,
        node: None,
        credential: None,
    }
}

fn texts(memory: &Memory) -> usize {
    memory.names.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn who_is_forgotten_leaves_nothing_behind(
        requests in proptest::collection::vec(
            ("(system:serviceaccount:a:|system:node:|person)[a-f]", "[a-z]{1,2}/1", "(get|list|create)",
             "(pods|secrets|[a-z]{2})", "[a-z]{0,2}", "[a-z0-9-]{0,12}", any::<bool>(), 0..200_u32),
            1..150,
        ),
        identities in 1..8_usize,
    ) {
        let mut memory = Memory::new(Settings { identities, ..Settings::default() });
        for (user, client, verb, resource, namespace, name, refused, day) in &requests {
            let seen = seen(user, [client, verb, resource, namespace, name], *refused);
            let time = Timestamp::from_second(1_795_219_200 + i64::from(*day) * 7200).unwrap();
            memory.observe("test", &seen, time);
        }
        let kept = memory.take_changed(usize::MAX);
        memory.reset("test", None);
        prop_assert_eq!((texts(&memory), memory.entries, memory.crowd.len()), (0, 0, 0));
        for piece in kept.iter().chain(&kept) {
            memory.restore(piece);
        }
        let habits: usize = memory.crowd.iter().map(|(_, one)| one.entries.len()).sum();
        prop_assert_eq!(memory.entries, habits);
        memory.reset("test", None);
        prop_assert_eq!((texts(&memory), memory.entries), (0, 0));
    }
}

#[test]
fn a_flood_of_clients_and_names_leaves_nothing_behind() {
    let mut memory = Memory::new(Settings { identities: 100, ..Settings::default() });
    for number in 0..20_000 {
        let text = number.to_string();
        let user = format!("person-{}", number % 1_000);
        memory.observe(
            "test",
            &seen(&user, [&text, "get", "secrets", &text, &text], false),
            Timestamp::UNIX_EPOCH,
        );
    }
    assert!(texts(&memory) <= 100 * 40 * 2, "{}", texts(&memory));
    assert!(memory.changed.len() + memory.moved.len() < 1_000);
}
