//! The recordings, on the cluster that the quiet one was made on.

use std::{fmt::Write as _, fs, io::Read as _, sync::LazyLock};

use flate2::read::GzDecoder;
use jiff::ToSpan as _;
use sundew_decoy::Inventory;
use sundew_harden::{
    Evidence,
    automount::{self, Form, Question},
    rbac::{Narrowing, Proof, Proved, Settings, narrow},
};
use sundew_posture::{Cluster, Reader, rbac::Rbac, read::Assume, usage::Margin};

use crate::given::{each, evidence};

static DUMP: LazyLock<Cluster> = LazyLock::new(|| {
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/../posture/tests/fixtures/cluster.yaml.gz");
    let mut reader = Reader::new();
    reader.add("cluster.yaml", unpack(packed).as_bytes(), &Assume::default()).unwrap();
    reader.finish()
});

fn unpack(path: &str) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn recording(name: &str) -> String {
    unpack(&format!("{}/../../recordings/{name}/audit.log.gz", env!("CARGO_MANIFEST_DIR")))
}

/// The decoys of the recordings.
fn decoys() -> Inventory {
    let text = "version: 1\ndecoys:\n- {namespace: honeypot, account: backup-sa, placements: \
                [{secret: backup-sa-token, mountedBy: {pod: file-backup}}]}\n- {namespace: kube-system, account: tiller}\n\
                namespaces: [{name: honeypot}]\n";
    Inventory::read(text).unwrap()
}

/// The same cluster as if everything in it were old.
static OLD: LazyLock<Cluster> = LazyLock::new(|| {
    let mut cluster = DUMP.clone();
    let old = Some("2020-01-01T00:00:00Z".parse().unwrap());
    cluster.accounts.iter_mut().for_each(|account| account.meta.created = old);
    cluster.bindings.iter_mut().for_each(|binding| binding.meta.created = old);
    cluster.roles.iter_mut().for_each(|role| role.meta.created = old);
    cluster
});

fn narrowed(cluster: &Cluster, log: &str, evidence: &Evidence, margin: Margin) -> (Narrowing, Proved) {
    let decoys = decoys();
    let settings = Settings {
        window: 4.minutes(),
        margin,
        subjects: &[],
        namespaces: &[],
        policy: None,
        decoys: Some(&decoys),
    };
    let narrowing = narrow(cluster, evidence, &settings).unwrap();
    let after = narrowing.after(cluster);
    let (before, after) = (Rbac::new(cluster), Rbac::new(&after));
    let mut proof = Proof::new(&before, &after);
    each(log, &mut |event| proof.record(event));
    let proved = proof.finish();
    (narrowing, proved)
}

#[test]
fn whatever_the_margin_every_request_of_the_recordings_would_still_be_allowed() {
    for name in ["quiet", "five"] {
        let log = recording(name);
        let evidence = evidence(&log);
        for margin in [Margin::None, Margin::Kin, Margin::Resource] {
            let (narrowing, proved) = narrowed(&OLD, &log, &evidence, margin);
            assert_eq!(proved.refused, [], "{name} with {margin:?}");
            assert!(proved.holds() && proved.requests > 2000 && proved.different > 150, "{name}: {proved:?}");
            let plan = narrowing.plan(&OLD, &proved).unwrap();
            assert!(plan.steps.len() > 5);
        }
    }
}

#[test]
fn without_what_it_used_an_identity_would_be_refused_and_no_plan_is_made() {
    let log = recording("quiet");
    let (narrowing, _) = narrowed(&DUMP, &log, &evidence(&log), Margin::Kin);
    // As if the plan forgot the new roles.
    let mut after = narrowing.after(&DUMP);
    after.roles.truncate(DUMP.roles.len());
    let (before, after) = (Rbac::new(&DUMP), Rbac::new(&after));
    let mut proof = Proof::new(&before, &after);
    each(&log, &mut |event| proof.record(event));
    let proved = proof.finish();
    assert!(!proved.holds() && !proved.refused.is_empty());
    assert!(proved.refused.iter().any(|refused| refused.user.contains("prometheus-k8s")));
    assert_eq!(narrowing.plan(&DUMP, &proved), None);
}

#[test]
fn what_those_of_the_quiet_recording_would_lose_and_keep() {
    let log = recording("quiet");
    let (narrowing, proved) = narrowed(&DUMP, &log, &evidence(&log), Margin::Kin);
    let mut text = String::new();
    for narrowed in &narrowing.identities {
        writeln!(
            text,
            "{}: {} requests, {} of {} rules",
            narrowed.subject, narrowed.requests, narrowed.rules_used, narrowed.rules
        )
        .unwrap();
        narrowed.loses.iter().for_each(|lost| writeln!(text, "    loses {lost}").unwrap());
        narrowed
            .keeps
            .iter()
            .for_each(|kept| writeln!(text, "    keeps {}: {}", kept.what, kept.why).unwrap());
        narrowed.notes.iter().for_each(|note| writeln!(text, "    note  {note}").unwrap());
        writeln!(text, "    {} -> {}", narrowed.out_of.join(", "), narrowed.given.join(", ")).unwrap();
    }
    narrowing.left.iter().for_each(|left| writeln!(text, "left {}: {}", left.subject, left.why).unwrap());
    writeln!(text, "tight {}\nidle {}", narrowing.tight, narrowing.idle.join(", ")).unwrap();
    writeln!(
        text,
        "proof {} requests, {} different, {} by others, {} by bindings that are gone",
        proved.requests, proved.different, proved.by_others, proved.by_gone_bindings
    )
    .unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn the_plan_for_the_quiet_recording() {
    let log = recording("quiet");
    let (narrowing, proved) = narrowed(&DUMP, &log, &evidence(&log), Margin::Kin);
    let plan = narrowing.plan(&DUMP, &proved).unwrap();
    let mut text = String::new();
    for step in &plan.steps {
        writeln!(text, "# {}", step.title).unwrap();
        step.apply.iter().for_each(|command| writeln!(text, "$ {command}").unwrap());
        step.undo.iter().for_each(|command| writeln!(text, "undo $ {command}").unwrap());
    }
    let frontend = |file: &&sundew_harden::plan::File| file.name.contains("shop-frontend");
    for file in plan.steps.iter().flat_map(|step| &step.files).filter(frontend) {
        writeln!(text, "\n{}\n{}", file.name, file.text).unwrap();
    }
    assert!(!format!("{plan:?}").contains("backup-sa"), "a decoy is named");
    insta::assert_snapshot!(text);
}

#[test]
fn each_workload_of_the_recordings_uses_its_token_and_accounts_that_nobody_uses_lose_theirs() {
    for name in ["quiet", "five"] {
        let evidence = evidence(&recording(name));
        let decoys = decoys();
        let report = automount::look(&Question {
            cluster: &DUMP,
            evidence: Some(&evidence),
            habits: None,
            window: 4.minutes(),
            namespaces: &[],
            policy: None,
            decoys: Some(&decoys),
            form: Form::Patch,
        })
        .unwrap();
        // Pods of the recording `five` had other names; they are known by their Deployments.
        assert_eq!((report.used, report.off), (8, 0), "{name}");
        let text = serde_json::to_string(&report).unwrap();
        assert!(!text.contains("honeypot") && !text.contains("tiller"), "a decoy is named");
        // Of the time of `five` the dump tells of nothing: all of it was made later.
        let patched = report.rows.iter().filter(|row| row.step == automount::Do::PatchAccount).count();
        assert_eq!(patched, if name == "quiet" { 8 } else { 0 }, "{name}");
    }
}
