//! What an announced touch covers.

use jiff::Timestamp;
use serde_json::json;
use sundew_detect::{Finding, Purpose, Rehearsal, Seen, Sight, label_changed};

use crate::given::{CLUSTER, Shape, at, note_of_use, read_of_secret, request, use_of_token};

const NONCE: &str = "3f9c1a7be04d52d8816f0c93ab7e64d1";
const SECRET: &str = "backup-sa-token";

fn announced(purpose: Purpose) -> Rehearsal {
    Rehearsal {
        nonce: NONCE.into(),
        purpose,
        cluster: CLUSTER.into(),
        decoy: "honeypot/backup-sa".into(),
        secret: (purpose == Purpose::Drill).then(|| SECRET.into()),
        not_before: at(-120),
        not_after: at(150),
        awaited: None,
        used: 0,
        seen: Seen::default(),
    }
}

/// Another drill of the same copy, announced so many seconds later.
fn later(seconds: i64) -> Rehearsal {
    let (not_before, not_after) = (at(seconds - 120), at(seconds + 150));
    let nonce = format!("00112233445566778899aabbccdd{seconds:04}");
    Rehearsal { nonce, not_before, not_after, ..announced(Purpose::Drill) }
}

fn shown(event: Shape) -> Shape {
    event.set("userAgent", json!(format!("kubectl/v1.36.2 (linux/amd64) kubernetes/{NONCE}")))
}

fn covers(rehearsal: &Rehearsal, finding: &Finding) -> bool {
    Rehearsal::could_cover(finding) && Rehearsal::covering(std::slice::from_ref(rehearsal), finding).is_some()
}

/// Lets the drills take a finding as the sensor does, and gives the one that it is of.
fn take(drills: &mut [Rehearsal], finding: &Finding) -> Option<usize> {
    let (covering, sight) = Rehearsal::covering(drills, finding)?;
    let (id, sight) = (covering.id(), sight.unwrap());
    let index = drills.iter().position(|drill| drill.id() == id)?;
    drills[index].seen.note(sight, finding.time);
    Some(index)
}

fn label_at(time: Timestamp, secret: &str, cluster: &str) -> Finding {
    let mut decoy = use_of_token("get", "/api").finding().decoy.unwrap();
    decoy.secret = Some(secret.into());
    label_changed(cluster, decoy, ["honeypot", secret], time, &time.to_string())
}

fn label(second: i64) -> Finding {
    label_at(at(second), SECRET, CLUSTER)
}

fn noted(second: i64) -> Finding {
    note_of_use(SECRET).at(second).finding()
}

fn drilled(second: i64) -> Finding {
    shown(use_of_token("get", "/api")).at(second).finding()
}

fn secret(verb: &str) -> Shape {
    let path = "/api/v1/namespaces/honeypot/secrets/backup-sa-token";
    shown(request(verb, path).object("secrets", "honeypot", SECRET))
}

/// What somebody does who acts as a decoy, or in its pod.
fn acts() -> [Shape; 5] {
    let review = json!({"spec": {"user": crate::given::DECOY}});
    [
        use_of_token("get", "/api"),
        request("list", "/pods")
            .object("pods", "shop", "")
            .set("impersonatedUser", json!({"username": crate::given::DECOY})),
        request("create", "/token").object("serviceaccounts/token", "honeypot", "backup-sa"),
        request("create", "/exec").object("pods/exec", "honeypot", "file-backup"),
        request("create", "/sar").object("subjectaccessreviews.authorization.k8s.io", "", "").body(&review),
    ]
}

#[test]
fn upkeep_covers_looking_at_the_secret_by_name_and_setting_its_label_back_and_nothing_else() {
    let upkeep = announced(Purpose::Upkeep);
    for verb in ["get", "list", "watch", "patch"] {
        assert!(covers(&upkeep, &secret(verb).finding()), "{verb}");
    }
    let account = request("patch", "/sa").object("serviceaccounts", "honeypot", "backup-sa");
    let more = [secret("delete"), secret("update"), account, secret("get").at(151), read_of_secret()];
    for event in acts().map(shown).into_iter().chain(more) {
        let finding = event.finding();
        assert!(!covers(&upkeep, &finding), "{finding:?}");
    }
    assert_eq!("upkeep".parse(), Ok(Purpose::Upkeep));
    assert_eq!(Purpose::Upkeep.as_str(), "upkeep");
}

#[test]
fn planting_covers_changes_of_the_decoys_own_objects_and_nothing_that_acts_as_it() {
    let planting = announced(Purpose::Planting);
    let binding = json!({"subjects": [
        {"kind": "ServiceAccount", "namespace": "honeypot", "name": "backup-sa"}
    ]});
    let of_type = json!({"type": "kubernetes.io/service-account-token",
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "backup-sa"}}});
    let pod = json!({"spec": {"serviceAccountName": "backup-sa"}});
    let mounts = json!({"spec": {"volumes": [{"secret": {"secretName": SECRET}}]}});
    let pods = |body| request("create", "/pods").object("pods", "honeypot", "x").body(body);
    for (rule, event) in [
        ("secret_touched", secret("delete")),
        ("account_changed", request("create", "/sa").object("serviceaccounts", "honeypot", "backup-sa")),
        (
            "role_bound",
            request("create", "/rb")
                .object("rolebindings.rbac.authorization.k8s.io", "honeypot", "x")
                .body(&binding),
        ),
        ("token_secret_made", request("create", "/s").object("secrets", "honeypot", "x").body(&of_type)),
        ("workload_as_decoy", pods(&pod)),
        ("secret_mounted", pods(&mounts)),
    ] {
        let finding = shown(event).finding();
        assert_eq!(finding.rule, format!("tripwire.{rule}"));
        assert!(covers(&planting, &finding), "{rule}");
    }
    let vault = Rehearsal { decoy: "vault/keeper".into(), ..planting.clone() };
    let inside = shown(request("create", "/cm").object("configmaps", "vault", "x")).finding();
    assert!(covers(&vault, &inside));
    for event in acts() {
        let finding = shown(event).finding();
        assert!(!covers(&planting, &finding), "{finding:?}");
    }
}

#[test]
fn a_drill_covers_one_request_of_the_decoys_own_user_in_all_its_stages_and_copies() {
    let mut drills = [announced(Purpose::Drill)];
    let event = shown(use_of_token("get", "/api")).at(3);
    let copy = shown(use_of_token("get", "/api")).at(3);
    for stage in [event.clone().received(), event, copy] {
        assert_eq!(take(&mut drills, &stage.finding()), Some(0));
    }
    // Whoever reads the nonce in the log or in an alert can do nothing with it.
    for second in [-60, 0, 2, 4, 149] {
        assert_eq!(take(&mut drills, &drilled(second)), None, "{second}");
    }
    let close =
        use_of_token("get", "/api").set("requestReceivedTimestamp", json!("2026-11-20T22:11:25.676440Z"));
    assert_eq!(take(&mut drills, &shown(close).finding()), None);
}

#[test]
fn a_drill_covers_nothing_but_the_use_of_the_token() {
    let drill = announced(Purpose::Drill);
    let [used, others @ ..] = acts().map(shown);
    assert!(covers(&drill, &used.finding()));
    for event in others.into_iter().chain([secret("get")]) {
        let finding = event.finding();
        assert!(!covers(&drill, &finding), "{finding:?}");
    }
}

#[test]
fn a_drill_is_of_its_own_copy_and_cluster_alone() {
    let drill = announced(Purpose::Drill);
    let agent = format!("curl/8.14.1 {NONCE}");
    let of_ci = use_of_token("get", "/api")
        .without("annotations")
        .set("annotations", json!({}))
        .annotated("authentication.k8s.io/legacy-token-manual-secret", "backup-agent-token")
        .annotated("authentication.k8s.io/legacy-token", crate::given::DECOY)
        .set("userAgent", json!(agent));
    assert_eq!(of_ci.finding().decoy.unwrap().secret.as_deref(), Some("backup-agent-token"));
    assert!(!covers(&drill, &of_ci.finding()));
    assert!(!covers(&drill, &note_of_use("backup-agent-token").finding()));
    assert!(!covers(&drill, &label_at(at(0), "backup-agent-token", CLUSTER)));
    for finding in [drilled(0), noted(0), label(0)] {
        assert!(covers(&drill, &finding), "{finding:?}");
        let elsewhere = Finding { cluster: "other".into(), ..finding };
        assert!(!covers(&drill, &elsewhere), "{elsewhere:?}");
        // As an older release announced it.
        let of_any = Rehearsal { cluster: String::new(), ..drill.clone() };
        assert!(covers(&of_any, &elsewhere));
    }
    // Where the event does not say which copy it was, the nonce does.
    let unnamed = use_of_token("get", "/api").without("annotations").set("userAgent", json!(agent));
    assert_eq!(unnamed.finding().decoy.unwrap().secret, None);
    assert!(covers(&drill, &unnamed.finding()));
}

#[test]
fn one_drill_has_one_use_one_note_in_the_log_and_one_on_the_label_in_any_order() {
    let parts = [drilled(1), noted(1), label(121)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut drills = [announced(Purpose::Drill)];
        for part in order {
            assert_eq!(take(&mut drills, &parts[part]), Some(0), "{order:?}");
        }
        // The same note again, in another stage or from another source, is no other one.
        assert_eq!(take(&mut drills, &note_of_use(SECRET).at(1).received().finding()), Some(0));
        for more in [noted(11), label(131), drilled(2)] {
            assert_eq!(take(&mut drills, &more), None, "{order:?} {more:?}");
        }
    }
}

#[test]
fn without_an_audit_log_the_next_note_of_the_same_copy_is_somebody_elses() {
    let mut drills = [announced(Purpose::Drill)];
    assert_eq!(take(&mut drills, &label(0)), Some(0));
    for second in [10, 12, 60, 150] {
        assert_eq!(take(&mut drills, &label(second)), None, "{second}");
    }
}

#[test]
fn a_note_in_the_log_that_is_too_far_from_the_request_is_somebody_elses() {
    for second in [-2, 11, 60] {
        let mut drills = [announced(Purpose::Drill)];
        assert_eq!(take(&mut drills, &drilled(0)), Some(0));
        assert_eq!(take(&mut drills, &noted(second)), None, "{second}");
    }
}

#[test]
fn of_several_drills_of_one_copy_a_note_is_of_the_one_whose_request_it_follows_or_of_the_latest() {
    let mut drills = [announced(Purpose::Drill), later(12), later(24)];
    assert_eq!(take(&mut drills[..1], &drilled(0)), Some(0));
    assert_eq!(take(&mut drills, &noted(0)), Some(0), "read late");
    assert_eq!(take(&mut drills, &noted(24)), Some(2));
    assert_eq!(take(&mut drills, &label(24)), Some(2));
    // The earlier ones had theirs, or have none to come.
    assert_eq!(take(&mut drills, &label(36)), None);
}

#[test]
fn planting_and_upkeep_make_no_note_of_a_use() {
    for purpose in [Purpose::Planting, Purpose::Upkeep] {
        for finding in [noted(0), label(0)] {
            assert!(!covers(&announced(purpose), &finding), "{purpose}");
        }
    }
}

#[test]
fn an_id_tells_drills_apart_and_does_not_give_the_nonce_away() {
    let (first, second) = (announced(Purpose::Drill), later(0));
    assert_ne!(first.id(), second.id());
    assert!(!NONCE.contains(&first.id()) && first.id().len() == 16);
    assert!(!format!("{first:?}").contains(NONCE));
    assert_eq!(Sight::Request, Rehearsal::covering(&[first], &drilled(0)).unwrap().1.unwrap());
}
