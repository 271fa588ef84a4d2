//! `sundew habits`: what was learnt is listed, shown and forgotten.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{INVENTORY, Ran, Watch, ran, recording, sundew};

/// A folder with what a replay learnt of ordinary work.
fn learnt() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let ran = ran(sundew().args(["replay", "--learn", "--state"]).arg(folder.path()).arg(recording("quiet")));
    assert_eq!(ran.code, 0, "{}", ran.err);
    folder
}

fn habits(state: &Path, args: &[&str]) -> Ran {
    ran(sundew().arg("habits").args(args).arg("--state").arg(state))
}

fn json(state: &Path, args: &[&str]) -> Vec<Value> {
    let ran = habits(state, &[args, &["-o", "json"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    serde_json::from_str::<Value>(&ran.out).unwrap().as_array().unwrap().clone()
}

/// The identities that are known, those with most requests first.
fn identities(state: &Path) -> Vec<String> {
    json(state, &["list"]).iter().map(|one| one["identity"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn everybody_who_was_seen_is_listed_those_with_most_requests_first() {
    let folder = learnt();
    let all = json(folder.path(), &["list"]);
    assert!(all.len() > 10, "{}", all.len());
    let requests: Vec<u64> = all.iter().map(|one| one["requests"].as_u64().unwrap()).collect();
    assert!(requests.is_sorted_by(|a, b| a >= b), "{requests:?}");
    let table = habits(folder.path(), &["list"]);
    assert_eq!((table.code, table.err.as_str()), (0, ""));
    assert_eq!(table.out.lines().count(), all.len() + 1);
    for one in &all {
        assert!(table.out.contains(one["identity"].as_str().unwrap()), "{one}");
    }
    let some = habits(folder.path(), &["list", "--search", "SYSTEM:SERVICE", "--limit", "1"]);
    assert_eq!(some.out.lines().count(), 3, "{}", some.out);
    assert!(
        some.out.contains("system:serviceaccount:") && some.out.contains("more; --limit 0 lists all"),
        "{}",
        some.out
    );
    let none = habits(folder.path(), &["list", "--search", "frobnicate"]);
    assert_eq!((none.code, none.out.as_str()), (0, "Nobody is known who is like this.\n"));
}

#[test]
fn one_identity_is_shown_with_its_habits_in_numbers() {
    let folder = learnt();
    let account = identities(folder.path())
        .into_iter()
        .find(|user| user.starts_with("system:serviceaccount:"))
        .unwrap();
    let all = json(folder.path(), &["show", &account]);
    assert_eq!(all.len(), 1);
    let shown = &all[0];
    assert_eq!(shown["identity"], account.as_str());
    let page = habits(folder.path(), &["show", &account]).out;
    for habit in shown["habits"].as_array().unwrap() {
        assert!(page.contains(habit["what"].as_str().unwrap()), "{habit}\n{page}");
    }
    for part in ["Requests", "Seen", "Known", "ALLOWED", "REFUSED", "WHAT"] {
        assert!(page.contains(part), "{part} is not in:\n{page}");
    }
    let short = account.trim_start_matches("system:serviceaccount:").replacen(':', "/", 1);
    assert_eq!(json(folder.path(), &["show", &short]), all);
}

#[test]
fn who_is_not_known_is_told_with_the_nearest() {
    let folder = learnt();
    let account = identities(folder.path())
        .into_iter()
        .find(|user| user.starts_with("system:serviceaccount:"))
        .unwrap();
    let ran = habits(folder.path(), &["show", &format!("{account}x")]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains(&format!("(did you mean `{account}`?); `sundew habits list`")), "{}", ran.err);
    let cluster = habits(folder.path(), &["list", "--cluster", "prod"]);
    assert_eq!(cluster.code, 2);
    assert!(
        cluster.err.contains("nothing was learnt of a cluster `prod`; there is default"),
        "{}",
        cluster.err
    );
}

#[test]
fn one_identity_or_all_of_them_can_be_forgotten() {
    let folder = learnt();
    let before = identities(folder.path());
    let one = habits(folder.path(), &["reset", &before[0]]);
    assert_eq!(
        (one.code, one.out.as_str()),
        (0, "forgot 1 identity; what they normally do is learnt anew\n"),
        "{}",
        one.err
    );
    assert_eq!(identities(folder.path()), before[1..]);
    let again = habits(folder.path(), &["reset", &before[0]]);
    assert_eq!(again.code, 2);
    let all = habits(folder.path(), &["reset", "--all"]);
    let said = format!("forgot {} identities;", before.len() - 1);
    assert!(all.code == 0 && all.out.starts_with(&said), "{} {}", all.out, all.err);
    assert!(identities(folder.path()).is_empty());
}

#[test]
fn what_a_running_sensor_learns_can_be_read_and_is_not_forgotten_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("inventory.yaml", INVENTORY);
    let sources = "{type: file, name: audit, path: audit.log}";
    write(
        "sundew.yaml",
        &format!("version: 1\ncluster: demo\ninventory: inventory.yaml\nsources: [{sources}]\n"),
    );
    let here = |args: &[&str]| ran(sundew().current_dir(folder.path()).arg("habits").args(args));
    let missing = here(&["list"]);
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("sundew.db: nothing was learnt yet; `sundew watch` learns"),
        "{}",
        missing.err
    );
    assert!(!folder.path().join("sundew.db").exists());

    let watch = Watch::start(folder.path());
    let list = here(&["list", "-c", "sundew.yaml"]);
    assert_eq!((list.code, list.err.as_str()), (0, ""));
    let reset = here(&["reset", "--all"]);
    assert_eq!((reset.code, reset.out.as_str()), (2, ""));
    assert!(
        reset.err.contains("a sensor runs with this store") && reset.err.contains("stop it first"),
        "{}",
        reset.err
    );
    assert_eq!(watch.stop().code, 0);
    assert_eq!(here(&["reset", "--all"]).out, "forgot 0 identities; what they normally do is learnt anew\n");
}

#[test]
fn a_folder_in_which_nothing_was_learnt_and_no_configuration_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let empty = habits(folder.path(), &["list"]);
    assert_eq!(empty.code, 2);
    assert!(empty.err.contains("`sundew replay --learn --state DIR LOGS…`"), "{}", empty.err);
    let nothing = ran(sundew().current_dir(folder.path()).args(["habits", "list"]));
    assert_eq!(nothing.code, 2);
    assert!(nothing.err.contains("-c FILE") && nothing.err.contains("--state DIR"), "{}", nothing.err);
    for args in [&["reset"][..], &["reset", "a/b", "--all"], &["list", "-c", "x", "--state", "y"]] {
        assert_eq!(ran(sundew().arg("habits").args(args)).code, 2, "{args:?}");
    }
}
