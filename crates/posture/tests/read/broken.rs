//! Texts that are broken, or made to break who reads them: each is refused with its file, its line, and why.

use super::{error, names, read};

#[test]
fn a_text_that_is_not_utf_8_is_refused_with_the_byte_and_the_line() {
    let text = b"kind: Role\nmetadata:\n  name: a\xff\n";
    assert_eq!(
        error("a.yaml", text),
        "a.yaml: byte 30 (line 3) is not UTF-8 text; a dump of kubectl always is"
    );
}

#[test]
fn what_windows_powershell_writes_is_refused_with_what_to_do() {
    let text: Vec<u8> =
        [0xfeff_u16].into_iter().chain("kind: Role".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let message = "a.yaml: this is UTF-16, as Windows PowerShell writes with `>`; save it as UTF-8, or with \
        `kubectl … | Out-File -Encoding utf8`";
    assert_eq!(error("a.yaml", text), message);
}

#[test]
fn truncated_json_is_refused_with_its_last_line() {
    let whole = "{\"kind\": \"List\",\n\"items\": [\n{\"kind\": \"Role\", \"metadata\": {\"name\": \"a\"}},\n\
        {\"kind\": \"Role\", \"metadata\": {\"name\": \"b\"}}]}";
    assert_eq!(names(&read("a.json", whole)), ["Role default/a", "Role default/b"]);
    let expected = [
        (whole.len() - 1, "a.json:4: this is no JSON: EOF while parsing an object (column 44)"),
        (whole.len() - 6, "a.json:4: this is no JSON: EOF while parsing a string (column 39)"),
        (60, "a.json:3: this is no JSON: EOF while parsing a string (column 32)"),
        (1, "a.json:1: this is no JSON: EOF while parsing an object (column 1)"),
    ];
    for (length, message) in expected {
        assert_eq!(error("a.json", &whole[..length]), message);
    }
    // Wherever it is cut, nothing of it is taken for the whole.
    for length in 1..whole.len() {
        assert!(error("a.json", &whole[..length]).starts_with("a.json:"), "{length}");
    }
}

#[test]
fn what_follows_json_and_is_none_is_refused() {
    let role = r#"{"kind":"Role","metadata":{"name":"a"}}"#;
    assert_eq!(
        error("a.json", format!("{role}\nError from server")),
        "a.json:2: this is no JSON: expected value (column 1)"
    );
    assert_eq!(
        error("a.json", format!("{role},\n{role}")),
        "a.json:1: this is no JSON: expected value (column 40)"
    );
}

#[test]
fn broken_yaml_is_refused_with_its_line_counted_over_all_documents() {
    let text = "kind: Role\nmetadata: {name: a}\n---\nkind: Role\nmetadata: {name: b\n---\nkind: Role\n";
    let message = error("a.yaml", text);
    assert!(
        message.starts_with("a.yaml:5: this is no YAML that can be read: ")
            || message.starts_with("a.yaml:6: this is no YAML that can be read: "),
        "{message}"
    );
    let message = error("a.yaml", "kind: Role\nmetadata:\n\tname: a\n");
    assert!(message.starts_with("a.yaml:3: this is no YAML that can be read: "), "{message}");
    let message = error("a.yaml", "kind: Role\nkind: Role\n");
    assert_eq!(message, "a.yaml:2: this is no YAML that can be read: duplicate mapping key: kind");
}

/// Ten aliases of ten aliases and so on: a few hundred bytes that say a billion words.
fn bomb() -> String {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{list}]\n");
    }
    text
}

#[test]
fn a_yaml_bomb_is_refused_before_it_grows() {
    let inside = bomb();
    let what = "this is no YAML that can be read: its aliases (`*name`) make far more of it than is written; write \
        out what they stand for";
    let text = format!("kind: Role\nmetadata:\n  name: a\n{inside}");
    assert_eq!(error("a.yaml", text), format!("a.yaml:7: {what}"));
    // In a field that is kept, and in one that waits for its kind.
    for field in ["rules: *a9\nkind: Role\n", "spec: *a9\nkind: Pod\n", "kind: Role\nrules: *a9\n"] {
        assert_eq!(error("a.yaml", format!("{inside}{field}")), format!("a.yaml:4: {what}"));
    }
    let many = format!("a: &a b\nc: [{}]\n", vec!["*a"; 1_001].join(", "));
    assert_eq!(error("a.yaml", many), format!("a.yaml:2: {what}"));
}

#[test]
fn deep_nesting_is_refused_or_passed_over_and_ends_nothing() {
    for (open, close) in
        [("[", "]"), ("{\"items\":[", "]}"), ("{\"spec\":", "}"), ("{\"kind\":\"Pod\",\"spec\":", "}")]
    {
        for depth in [200, 100_000] {
            let text = [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat();
            let unclosed = open.repeat(depth);
            for text in [&text, &unclosed] {
                match sundew_posture::read::parse(
                    "a.json",
                    text.as_bytes(),
                    &sundew_posture::read::Assume::default(),
                ) {
                    // What is not wanted is passed over without a stack.
                    Ok(batch) => assert!(batch.len() <= 1, "{open} {depth}"),
                    Err(error) => {
                        assert!(error.to_string().starts_with("a.json:1: this is no JSON: "), "{error}");
                    }
                }
            }
        }
    }
    // In a field that has another type anyway, and in one that waits for its kind.
    let nested = [&*"[".repeat(100_000), &*"]".repeat(100_000)].concat();
    let cluster = read("a.json", format!("{{\"kind\":\"Role\",\"rules\":{nested}}}"));
    let what =
        "an object is left out, and not taken as safe: `rules`: invalid type: sequence, expected a string";
    assert_eq!(cluster.notices[0].what, what);
    let cluster = read("a.json", format!("{{\"rules\":{nested},\"kind\":\"Role\"}}"));
    assert_eq!(
        cluster.notices[0].what,
        "an object is left out, and not taken as safe: recursion limit exceeded"
    );

    let what = "this is no YAML that can be read: it is nested more than 64 deep";
    for depth in [100, 20_000] {
        let flow = format!("kind: Role\nx: {}1{}\n", "[".repeat(depth), "]".repeat(depth));
        let dashes = format!("kind: Role\nx:\n{}1\n", "- ".repeat(depth));
        assert_eq!(error("a.yaml", flow), format!("a.yaml:2: {what}"));
        assert_eq!(error("a.yaml", dashes), format!("a.yaml:3: {what}"));
    }
    let maps: String = (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let message = error("a.yaml", maps);
    assert!(message.starts_with("a.yaml:6") && message.ends_with(what), "{message}");
}
