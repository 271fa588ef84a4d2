//! What `--quiet` leaves out of a cluster's own log.

use std::fmt::Write as _;

use sundew_policy::{
    Level,
    generate::{Choice, Names, Quiet, Quieted, generate},
    need::shapes::Thing,
};

use crate::given::{NEEDS, PLAIN, recording};

fn set(names: &[&str]) -> Names {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn learnt(lines: &[String]) -> Quiet {
    let mut quiet = Quiet::default();
    for line in lines {
        quiet.record(&PLAIN, &sundew_audit::parse::event(line).unwrap(), line);
    }
    quiet
}

fn chosen(lines: &[String]) -> Vec<Quieted> {
    learnt(lines).choose(&NEEDS, &set(&[]), &set(&[]))
}

/// So many requests of a user, one each ten seconds, with what else their events have.
fn requests(user: &str, verb: &str, resource: &str, namespace: &str, more: &str) -> Vec<String> {
    let line = |at: u32| {
        let (minute, second) = (at / 6, at % 6 * 10);
        let (group, resource) = resource.split_once('/').unwrap_or(("", resource));
        format!(
            r#"{{"kind":"Event","level":"Metadata","stage":"ResponseComplete","requestURI":"/x","verb":"{verb}","user":{{"username":"{user}"}},"objectRef":{{"resource":"{resource}","namespace":"{namespace}","apiGroup":"{group}"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"2026-11-20T22:{minute:02}:{second:02}.000000Z"{more}}}"#
        )
    };
    (0..120).map(line).collect()
}

const WEB: &str = "system:serviceaccount:shop:web";

/// Whose requests, and which, are left out.
fn said(quieted: &[Quieted]) -> String {
    let mut text = String::new();
    for one in quieted {
        let things: Vec<String> = one.things.iter().map(Thing::to_string).collect();
        writeln!(text, "{} {} {} in {:?}", one.user, one.verbs.join(","), things.join(" "), one.namespaces)
            .unwrap();
    }
    text
}

/// Something steady that stays in the log, so that an identity is still known.
fn kept() -> Vec<String> {
    requests(WEB, "get", "secrets", "shop", "")
}

#[test]
fn of_the_ordinary_recording_this_is_left_out() {
    insta::assert_snapshot!(said(&chosen(&recording("quiet"))));
}

#[test]
fn steady_reading_of_a_workload_is_left_out_where_it_was_seen() {
    let lines =
        [kept(), requests(WEB, "list", "pods", "shop", ""), requests(WEB, "list", "pods", "", "")].concat();
    let chosen = chosen(&lines);
    assert_eq!(said(&chosen), "system:serviceaccount:shop:web list pods in [\"\", \"shop\"]\n");
    let rule = chosen[0].rule();
    assert_eq!(
        (rule.level, rule.users, rule.namespaces),
        (Level::None, vec![WEB.to_owned()], vec![String::new(), "shop".to_owned()])
    );
    assert!(rule.comment.contains('%'), "{}", rule.comment);
}

#[test]
fn what_is_special_is_never_left_out() {
    let refused = r#","responseStatus":{"code":403}"#;
    let legacy = r#","annotations":{"authentication.k8s.io/legacy-token":"system:serviceaccount:shop:web"}"#;
    let acting = r#","impersonatedUser":{"username":"bob"}"#;
    for (why, lines) in [
        ("Secrets", requests(WEB, "list", "secrets", "shop", "")),
        ("a person", requests("jane", "list", "pods", "shop", "")),
        ("a write", requests(WEB, "update", "configmaps", "shop", "")),
        (
            "what rules look at",
            requests(WEB, "get", "/pods/exec", "shop", "")
                .into_iter()
                .map(|line| line.replace("\"pods/exec\"", "\"pods\",\"subresource\":\"exec\""))
                .collect(),
        ),
        (
            "what was refused",
            requests(WEB, "list", "pods", "shop", "")
                .into_iter()
                .map(|line| line.replace(r#","responseStatus":{"code":200}"#, refused))
                .collect(),
        ),
        ("a token as decoys have it", requests(WEB, "list", "pods", "shop", legacy)),
        ("somebody who acts as others", requests(WEB, "list", "pods", "shop", acting)),
        (
            "a burst",
            requests(WEB, "list", "pods", "shop", "")
                .into_iter()
                .map(|line| line.replace("22:1", "22:0"))
                .take(30)
                .collect(),
        ),
    ] {
        assert_eq!(said(&chosen(&[kept(), lines].concat())), "", "{why}");
    }
}

#[test]
fn a_decoy_of_the_inventory_and_a_bait_namespace_are_never_among_it() {
    let quiet = learnt(&[kept(), requests(WEB, "list", "pods", "shop", "")].concat());
    let none: &[&str] = &[];
    assert_eq!(said(&quiet.choose(&NEEDS, &set(&[WEB]), &set(none))), "");
    assert_eq!(said(&quiet.choose(&NEEDS, &set(none), &set(&["shop"]))), "");
    assert_ne!(said(&quiet.choose(&NEEDS, &set(none), &set(&["honeypot"]))), "");
}

#[test]
fn somebody_must_still_be_heard_of() {
    let alone = requests(WEB, "list", "pods", "shop", "");
    assert_eq!(said(&chosen(&alone)), "");
    let two = [
        alone,
        requests(
            WEB,
            "list",
            "apps/deployments",
            "shop",
            r#","userAgent":"a longer line, and so more bytes""#,
        ),
    ]
    .concat();
    assert_eq!(said(&chosen(&two)), "system:serviceaccount:shop:web list deployments.apps in [\"shop\"]\n");
}

#[test]
fn who_walks_all_namespaces_is_left_out_in_all() {
    let many: Vec<String> = (0..30)
        .flat_map(|at| requests(WEB, "list", "pods", &format!("team-{at}"), "").into_iter().take(120))
        .collect();
    let chosen = chosen(&[kept(), many].concat());
    assert_eq!(said(&chosen), "system:serviceaccount:shop:web list pods in []\n");
}

#[test]
fn the_price_is_said_above_what_is_left_out() {
    let quiet = chosen(&recording("quiet"));
    let yaml = generate(&NEEDS, &Choice { quiet }).yaml();
    assert!(yaml.contains("repeats exactly these requests is not seen"), "{yaml}");
}
