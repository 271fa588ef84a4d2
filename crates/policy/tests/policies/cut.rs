//! What is left of an event under another policy.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use flate2::read::GzDecoder;
use serde_json::Value;
use sundew_policy::{Cut, Level, Policy, cut, read};

fn policy(rest: &str) -> Policy {
    read("policy.yaml", &format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{rest}")).unwrap().policy
}

fn under(rest: &str, json: &str) -> Option<(String, Level)> {
    match cut(&policy(rest), &sundew_audit::parse::event(json).unwrap(), json) {
        Cut::Dropped => None,
        Cut::Kept { line, wanted } => Some((line.into_owned(), wanted)),
    }
}

fn line(rest: &str, json: &str) -> String {
    under(rest, json).unwrap().0
}

const HEAD: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/pods","verb":"create","user":{"username":"alice"},"objectRef":{"resource":"pods","namespace":"a","apiVersion":"v1"}"#;

fn event(rest: &str) -> String {
    format!("{HEAD},{rest}}}")
}

#[test]
fn a_lower_level_takes_the_bodies_away_and_leaves_every_other_byte() {
    let json = event(r#""requestObject":{"a": 1},"responseObject":{"b":[2]},"annotations":{"x":"1.50"}"#);
    let lower = |level: &str, rest: &str| event(rest).replace("RequestResponse", level);
    assert_eq!(line("rules: [{level: Metadata}]", &json), lower("Metadata", r#""annotations":{"x":"1.50"}"#));
    assert_eq!(
        line("rules: [{level: Request}]", &json),
        lower("Request", r#""requestObject":{"a": 1},"annotations":{"x":"1.50"}"#)
    );
    assert_eq!(line("rules: [{level: RequestResponse}]", &json), json);
}

#[test]
fn white_space_and_the_order_of_keys_stay_and_no_comma_is_left_over() {
    let json = "{ \"requestObject\": {} ,\n\"verb\":\"get\", \"level\" : \"Request\" , \"stage\":\"Panic\", \"responseObject\":1 }\n";
    assert_eq!(
        line("rules: [{level: Metadata}]", json),
        "{ \"verb\":\"get\", \"level\" : \"Metadata\" , \"stage\":\"Panic\" }\n"
    );
}

#[test]
fn what_the_policy_does_not_log_is_gone() {
    let json = event(r#""requestObject":{}"#);
    assert_eq!(under("rules: [{level: None}]", &json), None);
    assert_eq!(under("rules: [{level: Metadata, verbs: [list]}]", &json), None);
    assert_eq!(under("omitStages: [ResponseComplete]\nrules: [{level: Metadata}]", &json), None);
    assert_eq!(under("rules: [{level: Metadata, omitStages: [ResponseComplete]}]", &json), None);
    assert!(under("rules: [{level: Metadata, omitStages: [ResponseStarted]}]", &json).is_some());
}

#[test]
fn a_level_is_never_raised_and_the_wanted_one_is_told() {
    let json = event(r#""x":1"#).replace("RequestResponse", "Metadata");
    assert_eq!(under("rules: [{level: RequestResponse}]", &json), Some((json, Level::RequestResponse)));
}

#[test]
fn managed_fields_go_from_objects_lists_and_tables_but_not_from_patches() {
    let fields = r#""managedFields":[{"manager":"kubectl"}]"#;
    let with = |body: &str| event(&format!(r#""requestObject":{body},"responseObject":{body}"#));
    let policy = "omitManagedFields: true\nrules: [{level: RequestResponse}]";
    for (body, without) in [
        (
            format!(r#"{{"metadata":{{"name":"x",{fields}}},"spec":1}}"#),
            r#"{"metadata":{"name":"x"},"spec":1}"#,
        ),
        (format!(r#"{{"metadata":{{{fields}}}}}"#), r#"{"metadata":{}}"#),
        (
            format!(r#"{{"items":[{{"metadata":{{{fields},"name":"a"}}}}, {{"metadata":{{"name":"b"}}}}]}}"#),
            r#"{"items":[{"metadata":{"name":"a"}}, {"metadata":{"name":"b"}}]}"#,
        ),
        (
            format!(r#"{{"kind":"Table","rows":[{{"cells":[1],"object":{{"metadata":{{{fields}}}}}}}]}}"#),
            r#"{"kind":"Table","rows":[{"cells":[1],"object":{"metadata":{}}}]}"#,
        ),
        // A template's are none of the API server's.
        (
            format!(r#"{{"spec":{{"template":{{"metadata":{{{fields}}}}}}}}}"#),
            &*format!(r#"{{"spec":{{"template":{{"metadata":{{{fields}}}}}}}}}"#),
        ),
    ] {
        assert_eq!(line(policy, &with(&body)), with(without));
        assert_eq!(line("rules: [{level: RequestResponse}]", &with(&body)), with(&body));
        let patch = with(&body).replace(r#""verb":"create""#, r#""verb":"patch""#);
        let kept = format!(r#""requestObject":{body},"responseObject":{without}}}"#);
        assert!(line(policy, &patch).ends_with(&kept), "{}", line(policy, &patch));
    }
}

#[test]
fn what_webhooks_changed_is_of_level_request() {
    let rest = |inner: &str| event(&format!(r#""annotations":{{{inner}}}"#));
    let patch = r#""patch.webhook.admission.k8s.io/round_0_index_0":"{\"a\":1}""#;
    let json = rest(&format!(r#""x":"1",{patch}"#));
    let lower = |json: String, level: &str| json.replace("RequestResponse", level);
    assert_eq!(line("rules: [{level: Metadata}]", &json), lower(rest(r#""x":"1""#), "Metadata"));
    assert_eq!(line("rules: [{level: Request}]", &json), lower(json.clone(), "Request"));
    let alone = line("rules: [{level: Metadata}]", &rest(patch));
    assert!(!alone.contains("annotations"), "{alone}");
}

#[test]
fn what_is_no_object_is_kept_as_it_is() {
    let event = sundew_audit::Event { level: sundew_audit::Text::literal("Request"), ..Default::default() };
    let kept = cut(&policy("rules: [{level: Metadata}]"), &event, "[1, 2");
    assert_eq!(kept, Cut::Kept { line: "[1, 2".into(), wanted: Level::Metadata });
}

#[test]
fn cut_recordings_are_events_and_a_second_cut_changes_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recordings/theft/audit.log.gz");
    let lines = BufReader::new(GzDecoder::new(File::open(path).unwrap())).lines();
    let policy = policy(
        "omitManagedFields: true\nrules: [{level: Request, verbs: [create]}, {level: None, verbs: [watch]}, {level: Metadata}]",
    );
    let mut counts = [0_usize; 3];
    for json in lines.map(Result::unwrap).take(3000) {
        let Cut::Kept { line, wanted } = cut(&policy, &sundew_audit::parse::event(&json).unwrap(), &json)
        else {
            counts[0] += 1;
            continue;
        };
        let event = sundew_audit::parse::event(&line).unwrap();
        assert!(serde_json::from_str::<Value>(&line).is_ok());
        assert!(
            wanted > Level::Metadata || (event.request_object.is_none() && event.response_object.is_none())
        );
        let again = cut(&policy, &event, &line);
        assert_eq!(again, Cut::Kept { line: line.as_ref().into(), wanted });
        counts[if line.len() < json.len() { 1 } else { 2 }] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}
