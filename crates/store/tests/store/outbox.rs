//! The outbox: what is owed, in which order, and what an outcome changes.

use sundew_detect::Change;
use sundew_store::{Outgoing, Owed, Revive, Settled, Store};

use crate::given::{at, incident, owed, owing};

fn owing_store(outbox: Vec<Owed>) -> Store {
    let mut store = Store::in_memory().unwrap();
    store.commit(&owing(outbox)).unwrap();
    store
}

/// The only message for `slack`, due or not.
fn only(store: &Store) -> Outgoing {
    let mut all = store.due("slack", at(1_000_000), 10).unwrap();
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn messages_come_when_due_earliest_first_and_only_to_their_sink() {
    let store = owing_store(vec![
        owed("slack", "later", 1, 20),
        owed("slack", "first", 1, 5),
        owed("slack", "second", 1, 10),
        owed("slack", "third", 1, 10),
        owed("pager", "first", 1, 7),
    ]);
    let due = |now, limit| -> Vec<_> {
        store.due("slack", at(now), limit).unwrap().into_iter().map(|m| m.incident_id).collect()
    };
    assert_eq!(due(4, 10), Vec::<String>::new());
    assert_eq!(due(10, 10), ["first", "second", "third"]);
    assert_eq!(due(10, 2), ["first", "second"]);
    assert_eq!(due(100, 10), ["first", "second", "third", "later"]);
    assert_eq!(store.next_due("slack").unwrap(), Some(at(5)));
    assert_eq!(store.next_due("pager").unwrap(), Some(at(7)));
    assert_eq!(store.next_due("mail").unwrap(), None);
}

#[test]
fn asking_what_is_due_changes_nothing() {
    let store = owing_store(vec![owed("slack", "a", 1, 0)]);
    assert_eq!(store.due("slack", at(0), 10).unwrap(), store.due("slack", at(0), 10).unwrap());
}

#[test]
fn a_newer_revision_takes_the_place_of_the_one_that_waits() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 10)]);
    store.commit(&owing(vec![owed("slack", "a", 2, 40)])).unwrap();
    let message = only(&store);
    assert_eq!((message.revision, message.due), (2, at(10)), "newer body, earlier time");
    assert_eq!(message.incident, incident("a", 2));
    assert_eq!(message.change, Change::Opened, "the sink has not heard of it yet");

    store.commit(&owing(vec![owed("slack", "a", 3, 5)])).unwrap();
    assert_eq!((only(&store).revision, only(&store).due), (3, at(5)));
}

#[test]
fn an_older_revision_does_not_overwrite_a_newer_one() {
    let mut store = owing_store(vec![owed("slack", "a", 3, 10)]);
    store.commit(&owing(vec![owed("slack", "a", 2, 10)])).unwrap();
    assert_eq!(only(&store).revision, 3);
}

#[test]
fn what_follows_a_delivery_is_an_update() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    assert_eq!(store.delivered(only(&store).id, 1, at(1)).unwrap(), Settled::Done);
    assert_eq!(store.due("slack", at(1000), 10).unwrap(), []);
    store.commit(&owing(vec![owed("slack", "a", 2, 30)])).unwrap();
    assert_eq!(only(&store).change, Change::Updated);
    let seen = store.deliveries("a").unwrap();
    assert_eq!((seen.len(), seen[0].revision, seen[0].first, seen[0].last), (1, 1, at(1), at(1)));
    store.delivered(only(&store).id, 2, at(31)).unwrap();
    let seen = store.deliveries("a").unwrap();
    assert_eq!((seen.len(), seen[0].revision, seen[0].first, seen[0].last), (1, 2, at(1), at(31)));
}

#[test]
fn a_revision_that_comes_during_a_delivery_stays_owed_as_an_update_at_its_own_time() {
    let mut store = owing_store(vec![owed("slack", "a", 3, 0)]);
    let sent = only(&store);
    store.commit(&owing(vec![owed("slack", "a", 4, 60)])).unwrap();
    assert_eq!(store.delivered(sent.id, sent.revision, at(2)).unwrap(), Settled::NewerWaits);
    let left = only(&store);
    assert_eq!((left.revision, left.change, left.due), (4, Change::Updated, at(60)));
    assert_eq!((left.owed_since, left.attempts), (at(60), 0));
    assert_eq!(store.deliveries("a").unwrap()[0].revision, 3);
    assert_eq!(store.delivered(left.id, 4, at(61)).unwrap(), Settled::Done);
}

#[test]
fn a_failed_message_waits_for_its_next_attempt() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    let sent = only(&store);
    assert_eq!(store.failed(sent.id, 1, at(30), "503 from the sink").unwrap(), Settled::Done);
    assert_eq!(store.due("slack", at(29), 10).unwrap(), []);
    let again = only(&store);
    assert_eq!((again.attempts, again.due, again.owed_since), (1, at(30), at(0)));
    assert_eq!(store.outbox_summary().unwrap()[0].last_error.as_deref(), Some("503 from the sink"));
}

#[test]
fn a_new_revision_does_not_shorten_the_pause_after_a_failure() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    store.failed(only(&store).id, 1, at(300), "429").unwrap();
    store.commit(&owing(vec![owed("slack", "a", 2, 5)])).unwrap();
    let message = only(&store);
    assert_eq!((message.revision, message.due, message.attempts), (2, at(300), 1));
}

#[test]
fn a_failure_of_the_older_revision_delays_the_newer_that_came_meanwhile() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    let sent = only(&store);
    store.commit(&owing(vec![owed("slack", "a", 2, 5)])).unwrap();
    assert_eq!(store.failed(sent.id, 1, at(60), "timed out").unwrap(), Settled::NewerWaits);
    let message = only(&store);
    assert_eq!((message.revision, message.due, message.change), (2, at(60), Change::Opened));
}

#[test]
fn a_dead_letter_keeps_body_error_and_attempts_and_can_be_revived() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0), owed("slack", "b", 1, 0)]);
    let sent = store.due("slack", at(0), 1).unwrap().remove(0);
    store.failed(sent.id, 1, at(10), "timed out").unwrap();
    assert_eq!(store.dead(sent.id, 1, at(20), "404 no such channel").unwrap(), Settled::Done);

    let dead = store.dead_letters(10).unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].sink.as_str(), dead[0].incident_id.as_str(), dead[0].revision), ("slack", "a", 1));
    assert_eq!((dead[0].error.as_str(), dead[0].attempts), ("404 no such channel", 2));
    assert_eq!(dead[0].at, Some(at(20)));
    assert_eq!(serde_json::from_str::<sundew_detect::Incident>(&dead[0].body).unwrap(), incident("a", 1));
    assert_eq!(only(&store).incident_id, "b");

    assert_eq!(store.revive(Revive::One(dead[0].id + 1000), at(30)).unwrap(), 0);
    assert_eq!(store.revive(Revive::One(dead[0].id), at(30)).unwrap(), 1);
    assert_eq!(store.dead_letters(10).unwrap(), []);
    let due = store.due("slack", at(30), 10).unwrap();
    let revived = due.iter().find(|m| m.incident_id == "a").unwrap();
    assert_eq!((revived.due, revived.attempts, revived.change), (at(30), 0, Change::Opened));
}

#[test]
fn a_revision_that_comes_while_the_older_is_given_up_is_not_given_up() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    let sent = only(&store);
    store.commit(&owing(vec![owed("slack", "a", 2, 5)])).unwrap();
    assert_eq!(store.dead(sent.id, 1, at(9), "400 body too large").unwrap(), Settled::NewerWaits);
    assert_eq!(store.dead_letters(10).unwrap(), []);
    assert_eq!((only(&store).revision, only(&store).change), (2, Change::Opened));
}

#[test]
fn after_a_first_message_was_given_up_the_next_one_still_opens_the_incident() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    store.dead(only(&store).id, 1, at(1), "404").unwrap();
    store.commit(&owing(vec![owed("slack", "a", 2, 5)])).unwrap();
    let message = only(&store);
    assert_eq!(message.change, Change::Opened);

    store.delivered(message.id, 2, at(6)).unwrap();
    assert_eq!(store.dead_letters(10).unwrap(), [], "the sink knows more than the dead letter says");
    store.commit(&owing(vec![owed("slack", "a", 3, 7)])).unwrap();
    assert_eq!(only(&store).change, Change::Updated);
}

#[test]
fn reviving_all_does_not_bring_back_what_something_newer_waits_for() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0), owed("slack", "b", 1, 0)]);
    for message in store.due("slack", at(0), 10).unwrap() {
        store.dead(message.id, 1, at(1), "404").unwrap();
    }
    store.commit(&owing(vec![owed("slack", "a", 2, 5)])).unwrap();
    assert_eq!(store.revive(Revive::All, at(10)).unwrap(), 1);
    let waiting: Vec<_> =
        store.due("slack", at(10), 10).unwrap().into_iter().map(|m| (m.incident_id, m.revision)).collect();
    assert_eq!(waiting, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    assert_eq!(store.dead_letters(10).unwrap(), []);
}

#[test]
fn an_outcome_that_comes_twice_changes_nothing() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    let id = only(&store).id;
    store.delivered(id, 1, at(1)).unwrap();
    assert_eq!(store.delivered(id, 1, at(2)).unwrap(), Settled::Gone);
    assert_eq!(store.failed(id, 1, at(2), "late").unwrap(), Settled::Gone);
    assert_eq!(store.dead(id, 1, at(2), "late").unwrap(), Settled::Gone);
    store.commit(&owing(vec![owed("slack", "a", 2, 5)])).unwrap();
    assert_ne!(only(&store).id, id, "an id is never used again");
    assert_eq!(store.dead_letters(10).unwrap(), []);
}

#[test]
fn the_summary_says_how_things_stand_with_each_sink() {
    let mut store = owing_store(vec![
        owed("slack", "a", 1, 3),
        owed("slack", "b", 1, 1),
        owed("slack", "c", 1, 2),
        owed("pager", "a", 1, 0),
    ]);
    let due = store.due("slack", at(10), 10).unwrap();
    store.failed(due[0].id, 1, at(50), "early error").unwrap();
    store.dead(due[1].id, 1, at(60), "later error").unwrap();
    let pager = store.due("pager", at(10), 10).unwrap();
    store.delivered(pager[0].id, 1, at(11)).unwrap();

    let summary = store.outbox_summary().unwrap();
    assert_eq!(summary.len(), 2);
    let (pager, slack) = (&summary[0], &summary[1]);
    assert_eq!((pager.sink.as_str(), pager.waiting, pager.dead), ("pager", 0, 0));
    assert_eq!((pager.oldest_waiting, pager.last_delivered), (None, Some(at(11))));
    assert_eq!(pager.last_error, None);
    assert_eq!((slack.sink.as_str(), slack.waiting, slack.dead), ("slack", 2, 1));
    assert_eq!((slack.oldest_waiting, slack.last_delivered), (Some(at(1)), None));
    assert_eq!(slack.last_error.as_deref(), Some("later error"));
}

#[test]
fn a_long_error_is_cut() {
    let mut store = owing_store(vec![owed("slack", "a", 1, 0)]);
    store.failed(only(&store).id, 1, at(1), &"ü".repeat(5000)).unwrap();
    let error = store.outbox_summary().unwrap()[0].last_error.clone().unwrap();
    assert_eq!(error.chars().count(), 1000);
}
