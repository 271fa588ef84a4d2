//! What a label means, from one look to the next and over restarts.

use sundew_detect::DecoyRef;

use super::*;

fn watched(planted: Option<&str>, uid: Option<&str>) -> Watched {
    Watched {
        decoy: DecoyRef { name: "honeypot/backup-sa".into(), ..DecoyRef::default() },
        namespace: "honeypot".into(),
        secret: "backup-sa-token".into(),
        uid: uid.map(str::to_owned),
        planted: planted.map(|day| day.parse().unwrap()),
        leaving: false,
        tombstoned: false,
    }
}

fn seen(version: u64, label: Option<&str>) -> SecretSeen {
    SecretSeen {
        namespace: "honeypot".into(),
        name: "backup-sa-token".into(),
        uid: "u1".into(),
        resource_version: version.to_string(),
        created: "2026-10-01T00:00:00Z".into(),
        last_used: label.map(str::to_owned),
        invalid_since: None,
    }
}

fn back(version: &str, to: Option<&str>) -> Option<PutBack> {
    Some(PutBack { version: version.into(), to: to.map(str::to_owned) })
}

#[test]
fn at_first_sight_a_label_counts_from_the_day_of_planting_on() {
    for (planted, label, used) in [
        (None, Some("2026-11-21"), false),
        (None, None, false),
        (Some("2026-11-20"), None, false),
        (Some("2026-11-20"), Some("2026-11-19"), false),
        (Some("2026-11-20"), Some("2026-11-20"), true),
        (Some("2026-11-20"), Some("2026-11-21"), true),
        (Some("2026-11-20"), Some("yesterday"), false),
    ] {
        let look = look(None, &seen(7, label), &watched(planted, None));
        assert_eq!(look.used, used, "{planted:?} {label:?}");
        assert_eq!(look.known.put_back, used.then(|| back("7", None).unwrap()));
        assert_eq!((look.known.last_used.as_deref(), look.replaced), (label, None));
    }
}

#[test]
fn a_later_day_is_a_use_and_is_set_back_to_what_was_there() {
    let here = watched(None, None);
    for (before, now, used) in [
        (None, Some("2026-11-21"), true),
        (Some("2026-11-20"), Some("2026-11-21"), true),
        (Some("2026-11-21"), Some("2026-11-21"), false),
        (Some("2026-11-21"), Some("2026-11-20"), false),
        (Some("2026-11-21"), None, false),
        (Some("never"), Some("2026-11-21"), true),
        (Some("2026-11-21"), Some("never"), false),
    ] {
        let known = Known { uid: "u1".into(), last_used: before.map(str::to_owned), ..Known::default() };
        let look = look(Some(&known), &seen(7, now), &here);
        assert_eq!(look.used, used, "{before:?} {now:?}");
        assert_eq!(look.known.put_back, used.then(|| back("7", before).unwrap()));
        assert_eq!(look.known.last_used.as_deref(), now);
    }
}

#[test]
fn after_a_crash_the_version_says_whether_the_label_was_set_back() {
    let told = Known {
        uid: "u1".into(),
        last_used: Some("2026-11-21".into()),
        put_back: back("7", Some("2026-11-10")),
        ..Known::default()
    };
    let here = watched(None, None);
    // Not yet: it is not told again, and still to be done.
    let same = look(Some(&told), &seen(7, Some("2026-11-21")), &here);
    assert_eq!((same.used, &same.known), (false, &told));
    // It was: the next use shows.
    let done = look(Some(&told), &seen(8, Some("2026-11-10")), &here);
    assert_eq!((done.used, done.known.put_back), (false, None));
    // It was, and the token was used again.
    let again = look(Some(&told), &seen(9, Some("2026-11-21")), &here);
    assert!(again.used);
    assert_eq!(again.known.put_back, back("9", Some("2026-11-10")));
}

#[test]
fn another_secret_of_the_same_name_is_told_and_watched_and_changed_only_where_the_inventory_knows_it() {
    let known = Known { uid: "u0".into(), last_used: Some("2026-11-21".into()), ..Known::default() };
    let new = look(Some(&known), &seen(7, None), &watched(None, None));
    assert_eq!((new.replaced.as_deref(), new.used, new.known.uid.as_str()), (Some("u0"), false, "u1"));
    let used = look(Some(&known), &seen(7, Some("2026-11-21")), &watched(None, None));
    assert!(used.used && used.known.put_back == back("7", None));
    let strange = look(None, &seen(7, Some("2026-11-21")), &watched(Some("2026-11-20"), Some("u0")));
    assert_eq!((strange.replaced.as_deref(), strange.used), (Some("u0"), true));
    assert_eq!(strange.known.put_back, None, "nothing with another uid is touched");
    // It is told once.
    assert_eq!(look(Some(&strange.known), &seen(8, None), &watched(None, Some("u0"))).replaced, None);
}

#[test]
fn what_is_known_is_read_back_as_it_was_written() {
    let known = Known {
        uid: "u1".into(),
        last_used: Some("2026-11-21".into()),
        put_back: back("7", None),
        gone: true,
        refused: true,
    };
    let position = Position { secrets: [("honeypot/backup-sa-token".to_owned(), known)].into() };
    let json = serde_json::to_value(&position).unwrap();
    assert_eq!(serde_json::from_value::<Position>(json).unwrap(), position);
    assert_eq!(serde_json::from_value::<Position>(serde_json::json!({})).unwrap(), Position::default());
}

#[test]
fn that_it_was_told_that_the_token_is_refused_is_known_for_as_long_as_it_is() {
    let refused = |version, day: Option<&str>| SecretSeen {
        invalid_since: day.map(str::to_owned),
        ..seen(version, None)
    };
    let here = watched(None, None);
    let told = Known { uid: "u1".into(), refused: true, ..Known::default() };
    assert!(look(Some(&told), &refused(7, Some("2026-11-21")), &here).known.refused);
    assert!(!look(Some(&told), &refused(8, None), &here).known.refused);
    assert!(!look(None, &refused(7, Some("2026-11-21")), &here).known.refused);
}
