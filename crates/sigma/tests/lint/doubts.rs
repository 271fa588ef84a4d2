//! Rules that match what they do not mean, or miss what they mean.

use sundew_sigma::{Source, lint, lint::Weight};

use crate::support::{doubts, remarks, rule, says, silent, words};

#[test]
fn exec_by_one_verb_alone_is_told() {
    let exec = |verb: &str| doubts(&format!("verb: {verb}\nobjectRef.subresource: exec"));
    says(&exec("create"), &["since kubectl 1.31 it is `get`", "`verb: [create, get]`"]);
    says(&exec("get"), &["`create`, over SPDY"]);
    silent(&exec("[create, get]"));
    silent(&doubts("objectRef.subresource: exec"));
    silent(&doubts("verb: create\nobjectRef.subresource: eviction"));
}

#[test]
fn a_service_account_made_is_also_a_kubelet_that_asks_for_a_token() {
    let create = "verb: create\nobjectRef.resource: serviceaccounts";
    says(&doubts(create), &["every kubelet's request for a token", "`objectRef.subresource: null`"]);
    silent(&doubts(&format!("{create}\nobjectRef.subresource: null")));
    silent(&doubts(&format!("{create}\nobjectRef.subresource|exists: false")));
    silent(&doubts(&format!("{create}\nobjectRef.subresource: token")));
    silent(&doubts("verb: delete\nobjectRef.resource: serviceaccounts"));
    let told = remarks(
        "a:\n  verb: create\n  objectRef.resource: serviceaccounts\nb:\n  objectRef.subresource: '*'\ncondition: a and not b",
    );
    silent(&words(&told, Weight::Doubt));
}

#[test]
fn a_pod_made_is_also_an_exec() {
    says(&doubts("verb: create\nobjectRef.resource: pods"), &["also exec and attach"]);
}

#[test]
fn who_is_left_out_by_a_user_agent_is_told() {
    let told =
        remarks("a:\n  verb: get\nb:\n  userAgent|contains: kubernetes/$Format\ncondition: a and not b");
    says(&words(&told, Weight::Doubt), &["the user agent is free text"]);
    says(&doubts("verb: get\nuserAgent|neq: kubectl"), &["the user agent is free text"]);
    silent(&doubts("userAgent|startswith: kube-hunter"));
}

#[test]
fn addresses_that_the_client_wrote_are_told() {
    says(&doubts("sourceIPs|cidr: 10.0.0.0/8"), &["begins with what the client wrote", "`sundew.peer`"]);
    let of_element = |field: &str| {
        let mut source = rule(&format!("selection:\n  {field}: 192.0.2.7\ncondition: selection"));
        source.text = source.text.replace("title:", "sigma-version: 3\ntitle:");
        words(&lint(&[source]), Weight::Doubt)
    };
    says(&of_element("sourceIPs[0]"), &["this address of `sourceIPs`"]);
    silent(&of_element("sourceIPs[-1]"));
    silent(&doubts("sundew.peer: 192.0.2.7"));
}

#[test]
fn a_body_without_its_level_is_told() {
    says(
        &doubts("sundew.pod.hostPID: true"),
        &["logged at level Request only", "add `audit_level: Request`"],
    );
    says(&doubts("responseObject.kind: Pod"), &["add `audit_level: RequestResponse`"]);
    let said = |level: &str| {
        let mut source = rule("selection:\n  sundew.pod.hostPID: true\ncondition: selection");
        source.text = source.text.replace("level: low", &format!("level: low\naudit_level: {level}"));
        words(&lint(&[source]), Weight::Doubt)
    };
    silent(&said("Request"));
    silent(&said("RequestResponse"));
    says(&said("Metadata"), &["logged at level Request only"]);
}

#[test]
fn a_body_beside_what_every_level_has_is_no_doubt() {
    let told = remarks("a:\n  verb: deletecollection\nb:\n  sundew.pod.hostPID: true\ncondition: a or b");
    silent(&words(&told, Weight::Doubt));
}

#[test]
fn the_last_stage_alone_of_what_takes_long_is_told() {
    says(
        &doubts("stage: ResponseComplete\nobjectRef.subresource: exec"),
        &["until then, hours perhaps, it is missed"],
    );
    says(&doubts("stage: ResponseComplete\nverb: [list, watch]"), &["until then"]);
    says(
        &doubts("stage: ResponseComplete\nresponseStatus.code: [401, 403]"),
        &["a 401 has the stage `ResponseStarted`"],
    );
    silent(&doubts("stage: ResponseComplete\nverb: list"));
    silent(&doubts("stage: [ResponseStarted, ResponseComplete]\nverb: watch"));
}

#[test]
fn a_selection_that_no_condition_uses_is_told() {
    let told = remarks("a:\n  verb: get\nforgotten:\n  verb: list\ncondition: a");
    says(&words(&told, Weight::Doubt), &["no condition uses the selection `forgotten`"]);
    assert_eq!(told.iter().find(|remark| remark.weight == Weight::Doubt).unwrap().line, Some(10));
    silent(&words(&remarks("a_1:\n  verb: get\na_2:\n  verb: list\ncondition: 1 of a_*"), Weight::Doubt));
    silent(&words(&remarks("a:\n  verb: get\nb:\n  verb: list\ncondition: [a, b]"), Weight::Doubt));
}

#[test]
fn an_exclusion_that_excludes_nothing_is_told() {
    let told = remarks("a:\n  verb: get\nb:\n  usernme: admin\ncondition: a and not b");
    says(&words(&told, Weight::Doubt), &["no field `usernme`, so that `b` is never met", "user.username"]);
    says(&doubts("verb: get\nhostPath: null"), &["no field `hostPath`, so that this says nothing"]);
}

#[test]
fn what_a_webhook_leaves_out_is_told() {
    says(&doubts("kind: Event\nverb: get"), &["posts to a webhook have no `kind`"]);
}

#[test]
fn a_rule_for_other_logs_is_told() {
    let mut source = rule("selection:\n  verb: get\ncondition: selection");
    source.text =
        source.text.replace("{product: kubernetes, service: audit}", "{product: windows, service: security}");
    says(
        &words(&lint(&[source]), Weight::Doubt),
        &["meant for other logs: product windows, service security"],
    );
}

#[test]
fn filters_are_looked_at_too() {
    let filtered = rule("selection:\n  verb: get\ncondition: selection");
    let filter = Source {
        name: "filter.yml".into(),
        text: "title: Not ours\nlogsource: {product: kubernetes}\nfilter:\n  rules: [5a1f2c1e-7d2b-4a54-8d7a-3f5c6b7a8d90]\n  \
               selection:\n    usernme: admin\n  condition: not selection\n"
            .into(),
    };
    let told = lint(&[filtered, filter]);
    says(&words(&told, Weight::Doubt), &["no field `usernme`"]);
    silent(&words(&told, Weight::Broken));
}
