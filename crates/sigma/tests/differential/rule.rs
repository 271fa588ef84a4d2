//! Random rules, drawn from a tape of random numbers so that a failure shrinks to a small rule.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What a tape is made of; what failed is shown as rules and events, so the numbers are not.
#[derive(Clone)]
pub(crate) struct Numbers(pub(crate) Vec<u32>);

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// So many random numbers.
pub(crate) fn numbers(count: usize) -> impl Strategy<Value = Numbers> {
    prop::collection::vec(any::<u32>(), count).prop_map(Numbers)
}

/// Random numbers; zeros when they have run out.
pub(crate) struct Tape<'t> {
    numbers: std::slice::Iter<'t, u32>,
}

impl<'t> Tape<'t> {
    pub(crate) fn new(numbers: &'t Numbers) -> Self {
        Self { numbers: numbers.0.iter() }
    }

    /// A number below `below`.
    pub(crate) fn number(&mut self, below: usize) -> usize {
        self.numbers.next().map_or(0, |number| *number as usize % below)
    }

    /// One of `all`.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.number(all.len())]
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.number(many) == many - 1
    }
}

/// A field that rules may ask for, and values that events have there.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Value>,
}

/// So many rules as YAML, titled by their numbers.
pub(crate) fn rules(count: usize, asked: &[Asked], tape: &mut Tape<'_>) -> String {
    let mut yaml = String::new();
    for at in 0..count {
        // JSON is YAML.
        write!(yaml, "---\n{}\n", rule(at, asked, tape)).expect("a String takes everything");
    }
    yaml
}

fn rule(at: usize, asked: &[Asked], tape: &mut Tape<'_>) -> Value {
    let mut detection = Map::new();
    let names = ["selection_a", "selection_b", "filter_a"];
    let names = &names[..=tape.number(3)];
    for name in names {
        detection.insert((*name).into(), selection(asked, tape));
    }
    detection.insert("condition".into(), condition(names, tape).into());
    json!({"title": format!("rule {at}"), "logsource": {"product": "kubernetes"}, "detection": detection})
}

fn condition(names: &[&str], tape: &mut Tape<'_>) -> String {
    let first = names[0];
    let last = names[names.len() - 1];
    let all = [
        format!("{first} and not {last}"),
        first.to_owned(),
        format!("not {first}"),
        format!("{first} or {last}"),
        format!("{first} and {last}"),
        format!("not ({first} or not {last}) or ({last} and {first})"),
        "1 of them".to_owned(),
        "all of them".to_owned(),
        "1 of selection_*".to_owned(),
        "all of selection_* and not 1 of them".to_owned(),
        format!("{} of them", names.len()),
        "not all of selection*".to_owned(),
    ];
    tape.pick(&all).clone()
}

fn selection(asked: &[Asked], tape: &mut Tape<'_>) -> Value {
    match tape.number(12) {
        10 => (0..=tape.number(2)).map(|_| map(asked, tape)).collect(),
        11 => (0..=tape.number(2)).map(|_| keyword(asked, tape)).collect(),
        _ => map(asked, tape),
    }
}

fn map(asked: &[Asked], tape: &mut Tape<'_>) -> Value {
    let mut map = Map::new();
    for _ in 0..=tape.number(3) {
        let (key, value) = item(tape.pick(asked), asked, tape);
        map.insert(key, value);
    }
    map.into()
}

/// A rule with blocks for the elements of lists, where they stand in these fields and have members called so.
pub(crate) fn rule_with_blocks(lists: &[&str], members: &[Asked], tape: &mut Tape<'_>) -> Value {
    let list = *tape.pick(lists);
    let how = *tape.pick(&["any", "all", "all_or_empty", "none"]);
    let (key, block) = match tape.number(5) {
        0 => {
            let (key, value) = item(tape.pick(members), members, tape);
            (format!("{list}[{how}].{key}"), value)
        }
        1 => (format!("{list}[{how}]"), whole(tape.pick(members), tape)),
        2 => (format!("{list}[{}]", tape.pick(&["0", "1", "-1"])), whole(tape.pick(members), tape)),
        3 => {
            let parts = json!({"x": map(members, tape), "y": map(members, tape), "condition": "x and not y"});
            (format!("{list}[{how}]"), parts)
        }
        _ => (format!("{list}[{how}]"), map(members, tape)),
    };
    let detection =
        json!({"selection": {key: block}, "condition": tape.pick(&["selection", "not selection"])});
    json!({"title": "blocks", "sigma-version": 3, "logsource": {"product": "kubernetes"}, "detection": detection})
}

/// A piece of some text that events have, but none that an id or a time could have.
fn keyword(asked: &[Asked], tape: &mut Tape<'_>) -> Value {
    let asked = tape.pick(asked);
    let piece = piece(&text(asked, tape), tape);
    let volatile = piece.to_lowercase().chars().all(|c| "0123456789abcdeftz-:.".contains(c));
    if volatile { "none".into() } else { piece.into() }
}

fn item(asked: &Asked, all: &[Asked], tape: &mut Tape<'_>) -> (String, Value) {
    let name = asked.name;
    let neq = if tape.one_in(6) { "|neq" } else { "" };
    let cased = if tape.one_in(6) { "|cased" } else { "" };
    match tape.number(16) {
        0..5 => (format!("{name}{cased}{neq}"), several(tape, |tape| whole(asked, tape))),
        5 | 6 => {
            let how = tape.pick(&["contains", "startswith", "endswith"]);
            (
                format!("{name}|{how}{cased}{neq}"),
                several(tape, |tape| piece(&text(asked, tape), tape).into()),
            )
        }
        7 => {
            let all: Vec<Value> = (0..2).map(|_| piece(&text(asked, tape), tape).into()).collect();
            (format!("{name}|contains|all{cased}{neq}"), all.into())
        }
        8 => {
            (format!("{name}|contains{cased}"), many(6, tape, |tape| piece(&text(asked, tape), tape).into()))
        }
        9 => (format!("{name}|exists"), (!tape.one_in(2)).into()),
        10 => {
            let how = tape.pick(&["gt", "gte", "lt", "lte"]);
            (format!("{name}|{how}"), number(asked, tape))
        }
        11 => (format!("{name}|re{}{neq}", tape.pick(&["", "|i", "|i|m|s"])), pattern(asked, tape).into()),
        12 => (format!("{name}|cidr{neq}"), several(tape, network)),
        13 => {
            let single =
                ["verb", "stage", "objectRef.name", "user.username", "nonsense", "responseStatus.code"];
            let how = tape.pick(&["", "|contains", "|startswith", "|endswith"]);
            let name = if single.contains(&name) { name } else { "objectRef.resource" };
            (format!("{name}|fieldref{how}{cased}{neq}"), (*tape.pick(&single)).into())
        }
        14 => {
            let how = tape.pick(&["minute", "hour", "day", "week", "month", "year"]);
            (format!("requestReceivedTimestamp|{how}{neq}"), several(tape, |tape| tape.number(60).into()))
        }
        _ => match tape.number(4) {
            0 => (name.to_owned(), Value::Null),
            1 => (format!("{name}|base64|contains"), piece(&text(asked, tape), tape).into()),
            2 => {
                (format!("{name}|windash|contains"), piece(&text(asked, tape), tape).replace("-", "").into())
            }
            _ => (tape.pick(all).name.to_owned(), whole(asked, tape)),
        },
    }
}

/// One value, or a list of some.
fn several(tape: &mut Tape<'_>, draw: impl Fn(&mut Tape<'_>) -> Value) -> Value {
    if tape.one_in(3) { many(3, tape, draw) } else { draw(tape) }
}

fn many(most: usize, tape: &mut Tape<'_>, draw: impl Fn(&mut Tape<'_>) -> Value) -> Value {
    (0..=tape.number(most)).map(|_| draw(tape)).collect()
}

/// A value as events have it, or changed a little; never null, which means something else within a list.
fn whole(asked: &Asked, tape: &mut Tape<'_>) -> Value {
    if let Some(value) = asked.values.get(tape.number(asked.values.len() + 1))
        && !value.is_string()
        && !value.is_null()
        && !value.is_array()
        && !value.is_object()
    {
        return value.clone();
    }
    let text = text(asked, tape);
    // Letters beyond ASCII fold otherwise in the reference where there are wildcards.
    let ways = if text.is_ascii() && !text.contains('\n') { 9 } else { 3 };
    match tape.number(ways) {
        0 => text,
        1 => text.to_uppercase(),
        2 => format!("{text}x"),
        3 => format!("{}*", head(&text)),
        4 => format!("*{}", tail(&text)),
        5 => format!("*{}*", middle(&text)),
        6 => format!("{}*{}", head(&text), tail(&text)),
        7 => text.chars().enumerate().map(|(at, c)| if at % 3 == 1 { '?' } else { c }).collect(),
        _ => format!("{}*{}*?", head(&text), middle(&text)),
    }
    .into()
}

fn text(asked: &Asked, tape: &mut Tape<'_>) -> String {
    match asked.values.get(tape.number(asked.values.len().max(1))) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => "none".to_owned(),
    }
}

/// A piece of a text, without what would be a wildcard in it; never empty.
fn piece(text: &str, tape: &mut Tape<'_>) -> String {
    let piece = match tape.number(4) {
        0 => head(text),
        1 => tail(text),
        2 => middle(text).to_uppercase(),
        _ => text.to_owned(),
    };
    let piece: String = piece.chars().filter(|c| !['*', '?', '\\'].contains(c)).collect();
    if piece.is_empty() { "e".to_owned() } else { piece }
}

fn head(text: &str) -> String {
    text.chars().take(text.chars().count().div_ceil(2)).collect()
}

fn tail(text: &str) -> String {
    text.chars().skip(text.chars().count() / 2).collect()
}

fn middle(text: &str) -> String {
    let count = text.chars().count();
    text.chars().skip(count / 4).take(count.div_ceil(3)).collect()
}

fn number(asked: &Asked, tape: &mut Tape<'_>) -> Value {
    let numbers: Vec<_> = asked.values.iter().filter(|value| value.is_number()).cloned().collect();
    match numbers.get(tape.number(numbers.len() + 1)) {
        Some(number) => number.clone(),
        None => (*tape.pick(&[0, 1, 200, 403])).into(),
    }
}

fn pattern(asked: &Asked, tape: &mut Tape<'_>) -> String {
    let (one, other) = (regex::escape(&text(asked, tape)), regex::escape(&text(asked, tape)));
    match tape.number(6) {
        0 => one,
        1 => format!("^{}", regex::escape(&head(&text(asked, tape)))),
        2 => format!("{}$", regex::escape(&tail(&text(asked, tape)))),
        3 => format!("^({one}|{other})$"),
        4 => "^[A-Z]*[a-z]{2,8}$".to_owned(),
        _ => r"\d+.".to_owned(),
    }
}

fn network(tape: &mut Tape<'_>) -> Value {
    let all = ["127.0.0.0/8", "127.10.0.0/24", "127.0.0.1/32", "10.0.0.0/8", "fd00::/8", "::/0", "0.0.0.0/0"];
    (*tape.pick(&all)).into()
}
