//! The same streams to rsigma's correlation engine, which tells at every hit, and to ours, which tells once.

use std::collections::HashMap;

use proptest::prelude::*;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, event::JsonEvent};

use crate::support::{Request, Stream, VERBS, correlation, source};

/// How the reference's word is expected from ours: at the first of each run of hits at which it speaks.
struct Reference {
    engine: CorrelationEngine,
    span: i64,
    /// By group: the time of the last hit, and whether the reference spoke at it.
    last: HashMap<String, (i64, bool)>,
}

impl Reference {
    fn new(one: &str, span: i64) -> Self {
        let text = source(&[one.to_owned()]).text;
        let parsed = rsigma_parser::parse_sigma_yaml(&text).unwrap();
        assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
        let mut engine = CorrelationEngine::new(CorrelationConfig::default());
        engine.add_collection(&parsed).unwrap();
        Self { engine, span, last: HashMap::new() }
    }

    /// What ours must count at this hit, if it is to tell.
    fn take(&mut self, request: &Request, tumbling: bool) -> Option<u64> {
        let json = serde_json::from_str(&request.json()).unwrap();
        let second = request.time / 1_000_000;
        let said = self.engine.process_event_at(&JsonEvent::borrow(&json), second);
        let counted =
            said.iter().find_map(|result| result.as_correlation()).map(|body| body.aggregated_value);
        let before = self.last.insert(request.user.clone(), (second, counted.is_some()));
        let joined = |last: i64| {
            if tumbling { last / self.span == second / self.span } else { second - last <= self.span }
        };
        let told = before.is_some_and(|(last, spoke)| spoke && joined(last));
        counted.filter(|_| !told).map(|count| count as u64)
    }
}

fn bounds() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..5_u64).prop_map(|count| format!("gte: {count}")),
        (0..5_u64).prop_map(|count| format!("gt: {count}")),
        (1..5_u64).prop_map(|count| format!("lt: {count}")),
        (1..5_u64).prop_map(|count| format!("lte: {count}")),
        (1..5_u64).prop_map(|count| format!("eq: {count}")),
        (1..5_u64).prop_map(|count| format!("neq: {count}")),
        (1..3_u64, 3..6_u64).prop_map(|(low, high)| format!("gt: {low}, lte: {high}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("lists"), Just("gets"), Just("creates")].prop_map(str::to_owned);
    name.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not {a}")),
        ]
    })
}

/// The lines of a correlation, all but its timespan.
fn kind() -> impl Strategy<Value = String> {
    let window = prop_oneof![Just(""), Just("\nwindow: tumbling")];
    let kind = prop_oneof![
        bounds().prop_map(|bounds| format!("type: event_count\ncondition: {{{bounds}}}")),
        bounds()
            .prop_map(|bounds| format!("type: value_count\ncondition: {{{bounds}, field: objectRef.name}}")),
        bounds().prop_map(|bounds| {
            let fields = "[objectRef.namespace, objectRef.name]";
            format!("type: value_count\ncondition: {{{bounds}, field: {fields}}}")
        }),
        // Without a condition the reference is content with one rule, against the specification.
        Just("type: temporal\ncondition: {gte: 3}".to_owned()),
        Just("type: temporal\ncondition: {gte: 2}".to_owned()),
        condition().prop_map(|text| format!("type: temporal\ncondition: {text}")),
        Just("type: temporal_ordered".to_owned()),
        condition().prop_map(|text| format!("type: temporal_ordered\ncondition: {text}")),
    ];
    (kind, window).prop_map(|(kind, window)| format!("{kind}{window}"))
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let one = (0..12_i64, 0..3_usize, 0..2_u8, 0..4_u8, 0..2_u8);
    proptest::collection::vec(one, 1..60).prop_map(|steps| {
        let mut second = 0;
        let request = |(at, (gap, verb, user, name, namespace)): (usize, (i64, usize, u8, u8, u8))| {
            second += gap;
            let request = Request::new(second, VERBS[verb], &format!("user-{user}"), &format!("name-{name}"));
            Request { id: format!("request-{at}"), namespace: format!("ns-{namespace}"), ..request }
        };
        steps.into_iter().enumerate().map(request).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_in_order_are_judged_as_the_reference_does(kind in kind(), span in 1..60_i64, stream in requests()) {
        let lines = format!("rules: [lists, gets, creates]\ngroup-by: [user.username]\ntimespan: {span}s\n{kind}");
        let one = correlation("any", &lines);
        let mut reference = Reference::new(&one, span);
        let mut ours = Stream::new(&[one]);
        for request in stream {
            let expected = reference.take(&request, kind.contains("tumbling"));
            let told = ours.take(&request).first().map(|met| met.count);
            prop_assert_eq!(told, expected, "{:?}", request);
        }
    }

    #[test]
    fn aliases_mean_what_they_do_to_the_reference(span in 1..60_i64, stream in requests()) {
        let lines = format!(
            "type: temporal\nrules: [lists, gets]\ngroup-by: [who]\ntimespan: {span}s\ncondition: {{gte: 2}}\n\
             aliases:\n  who:\n    lists: user.username\n    gets: objectRef.name"
        );
        let one = correlation("any", &lines);
        let mut reference = Reference::new(&one, span);
        let mut ours = Stream::new(&[one]);
        for mut request in stream.into_iter().filter(|request| request.verb != "create") {
            // Both kinds of events speak of the same people, each in its own field.
            request.name = request.user.clone();
            let expected = reference.take(&request, false);
            prop_assert_eq!(ours.take(&request).first().map(|met| met.count), expected);
        }
    }
}
