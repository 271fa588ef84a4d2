//! Announcements, as the sensor finds them in its store.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sundew_bait::announce::{About, Client, announce, withdraw};
use sundew_detect::Purpose;
use sundew_store::Store;

const MINUTE: Duration = Duration::from_secs(60);

fn about() -> About<'static> {
    About::decoy("demo", "shop/deployer")
}

#[test]
fn an_announcement_stands_in_the_store_for_its_time_and_two_minutes_of_skew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let nonce = announce(Some(&path), Purpose::Planting, about(), 10 * MINUTE, None).unwrap();
    assert_eq!(nonce.len(), 40);
    assert!(nonce.chars().all(|c| c.is_ascii_hexdigit()));
    let store = Store::open_reading(&path).unwrap();
    for (minutes, holds) in [(-1, true), (0, true), (11, true), (-3, false), (13, false)] {
        let then = Timestamp::now() + SignedDuration::from_mins(minutes);
        let found = store.rehearsals(then).unwrap();
        assert_eq!(found.iter().any(|r| r.nonce == nonce && r.decoy == "shop/deployer"), holds, "{minutes}");
    }
}

#[test]
fn an_announcement_holds_by_the_servers_clock_and_by_ours_where_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let hour = SignedDuration::from_hours(1);
    for server in [Timestamp::now() - hour, Timestamp::now() + hour] {
        let nonce = announce(Some(&path), Purpose::Planting, about(), MINUTE, Some(server)).unwrap();
        let store = Store::open_reading(&path).unwrap();
        for then in [server, Timestamp::now()] {
            assert!(store.rehearsals(then).unwrap().iter().any(|r| r.nonce == nonce), "{server} {then}");
        }
    }
}

#[test]
fn an_announcement_reaches_a_store_that_a_sensor_has_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (sensor, _) = Store::open(&path).unwrap();
    let nonce = announce(Some(&path), Purpose::Drill, about(), MINUTE, None).unwrap();
    let found = sensor.rehearsals(Timestamp::now()).unwrap();
    assert_eq!(found.iter().map(|r| &r.nonce).collect::<Vec<_>>(), [&nonce]);
}

#[test]
fn an_announcement_says_of_which_cluster_and_copy_it_is_and_how_long_somebody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let drill = About { secret: Some("deployer-token"), patience: 20 * MINUTE, ..about() };
    announce(Some(&path), Purpose::Drill, drill, MINUTE, None).unwrap();
    let store = Store::open_reading(&path).unwrap();
    let found = store.rehearsals(Timestamp::now()).unwrap().swap_remove(0);
    assert_eq!((found.cluster.as_str(), found.secret.as_deref()), ("demo", Some("deployer-token")));
    assert!(store.rehearsals(Timestamp::now() + SignedDuration::from_mins(10)).unwrap().is_empty());
    let missed =
        |minutes| store.missed_drills(Timestamp::now() + SignedDuration::from_mins(minutes)).unwrap().len();
    assert_eq!((missed(10), missed(19), missed(21)), (0, 0, 1));
}

#[test]
fn what_is_withdrawn_holds_no_longer_by_either_clock_and_its_past_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let hour = SignedDuration::from_hours(1);
    let holds = |nonce: &str, then: Timestamp| {
        let store = Store::open_reading(&path).unwrap();
        store.rehearsals(then).unwrap().iter().any(|rehearsal| rehearsal.nonce == nonce)
    };
    for (ahead, soon) in [(None, 180), (Some(SignedDuration::ZERO), 60), (Some(hour), 60)] {
        let server = || ahead.map(|ahead| Timestamp::now() + ahead);
        let long = 60 * MINUTE;
        let nonce = announce(Some(&path), Purpose::Planting, about(), long, server()).unwrap();
        let last = Timestamp::now() + ahead.unwrap_or_default();
        let soon = last + SignedDuration::from_secs(soon);
        assert!(holds(&nonce, soon));
        withdraw(Some(&path), &nonce, server()).unwrap();
        assert!(holds(&nonce, last), "what was just done is still judged by it");
        assert!(!holds(&nonce, soon), "{ahead:?}");
    }
    withdraw(None, "nobody's", None).unwrap();
}

#[test]
fn nonces_are_never_the_same_and_stand_in_each_user_agent_as_a_word_of_their_own() {
    let first = announce(None, Purpose::Planting, about(), MINUTE, None).unwrap();
    assert_ne!(first, announce(None, Purpose::Planting, about(), MINUTE, None).unwrap());
    for client in [Client::Kubectl, Client::Curl, Client::Python] {
        let agent = client.agent(&first);
        assert!(agent.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == first), "{agent}");
        assert!(agent.starts_with(client.name()), "{agent}");
    }
}

#[test]
fn a_store_that_cannot_be_made_is_named() {
    let said =
        announce(Some("/nowhere/store.db".as_ref()), Purpose::Planting, about(), MINUTE, None).unwrap_err();
    assert!(said.to_string().contains("/nowhere/store.db"), "{said}");
}
