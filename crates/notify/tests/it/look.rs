//! How an alert looks to the person who reads it, and that nothing in it can deceive them.

use sundew_detect::Severity;
use sundew_notify::{digest::Digest, render_terminal, render_text};

use crate::fixture::{growing, hostile, of_sensor, placed, strong, theft};

#[test]
fn the_theft_of_a_token_in_alert_txt() {
    insta::assert_snapshot!(render_text(&theft()));
}

#[test]
fn a_growing_incident_in_alert_txt_shows_every_step() {
    let text = render_text(&growing());
    insta::assert_snapshot!(text);
}

#[test]
fn the_theft_of_a_token_on_a_terminal() {
    insta::assert_snapshot!(render_terminal(&theft(), false));
}

#[test]
fn the_theft_of_a_token_on_a_terminal_in_colour() {
    insta::assert_snapshot!(render_terminal(&theft(), true).replace('\x1b', "␛"));
}

#[test]
fn a_growing_incident_on_a_terminal_shows_its_first_and_newest_steps_and_what_was_granted() {
    insta::assert_snapshot!(render_terminal(&growing(), false));
}

/// The block with what the identity could do.
fn could(shown: &str) -> String {
    let block = shown.split("\n\n").find(|block| block.contains("What this identity could do"));
    block.unwrap().replace('\x1b', "␛")
}

#[test]
fn what_the_identity_could_do_in_alert_txt_and_on_a_terminal() {
    let text = could(&render_text(&strong()));
    assert_eq!(text, could(&render_terminal(&strong(), false)));
    let coloured = could(&render_terminal(&strong(), true));
    insta::assert_snapshot!(format!("{text}\n\n{coloured}"));
}

#[test]
fn what_the_identity_could_do_is_a_few_lines_of_a_bounded_length_each() {
    let mut message = strong();
    message.incident.could = vec!["lists Secrets in one place after another ".repeat(50); 40];
    for shown in [render_text(&message), render_terminal(&message, false)] {
        let block = could(&shown);
        assert_eq!(block.lines().count(), 1 + 6 + 1, "{block}");
        assert!(block.lines().all(|line| line.chars().count() <= 6 + 160), "{block}");
        assert!(block.ends_with("- and 34 more"), "{block}");
    }
}

/// The line that begins with this label.
fn fact(shown: &str, label: &str) -> String {
    let line = shown.lines().find_map(|line| line.trim().strip_prefix(label));
    line.unwrap_or_else(|| panic!("no {label} in {shown}")).trim().to_owned()
}

#[test]
fn the_pods_behind_the_address_are_named_with_workload_node_and_account() {
    let wanted = "pod shop/web-6d4f-2xk8p of Deployment/web on node worker-1, account web, gone since 2026-11-20 21:34:00 UTC; or pod shop/web-6d4f-9tqzm of Deployment/web on node worker-1, account web and 3 more";
    assert_eq!(fact(&render_text(&placed()), "Behind it"), wanted);
    assert_eq!(fact(&render_terminal(&placed(), false), "Behind it"), wanted);
    assert!(Digest::of(&placed()).sentence().contains("pod shop/web-6d4f-2xk8p"), "for notifications too");
}

#[test]
fn the_address_of_a_node_says_the_node_first() {
    let mut message = placed();
    let peer = message.incident.peer.as_mut().unwrap();
    peer.node = Some("worker-1".into());
    peer.more = 0;
    let wanted = "node worker-1 itself, or a pod that shares its address: shop/web-6d4f-2xk8p, shop/web-6d4f-9tqzm and 1 more";
    assert_eq!(fact(&render_text(&message), "Behind it"), wanted);
}

#[test]
fn what_the_sensor_tells_of_itself_has_no_intruder_and_no_requests() {
    let text = render_text(&of_sensor());
    assert!(
        text.contains("HIGH: The sensor hears nothing: source `log` has brought nothing since"),
        "{text}"
    );
    for wrong in ["Who", "From", "Client", "What was tried", "no answer yet"] {
        assert!(!text.contains(wrong), "{wrong}: {text}");
    }
    assert!(text.contains("sundew status"), "{text}");
}

#[test]
fn a_use_that_only_the_label_shows_is_told_as_such() {
    let mut message = theft();
    let step = &mut message.incident.steps[0];
    step.rule = "tripwire.token_last_used".into();
    step.request.code = None;
    step.request.namespace = "honeypot".into();
    step.request.name = "backup-sa-token".into();
    let text = render_text(&message);
    assert!(
        text.contains("(the label on Secret honeypot/backup-sa-token shows a use of its token)"),
        "{text}"
    );
}

#[test]
fn an_incident_of_which_little_is_known() {
    let mut message = theft();
    let incident = &mut message.incident;
    incident.severity = Severity::Medium;
    "First list of Secrets by this identity".clone_into(&mut incident.title);
    incident.actor = sundew_detect::Actor::default();
    incident.clients.clear();
    incident.tool = None;
    incident.decoys.clear();
    incident.steps.clear();
    incident.attack.clear();
    incident.could.clear();
    incident.next.clear();
    incident.last_seen = incident.first_seen;
    insta::assert_snapshot!(render_text(&message));
}

#[test]
fn a_drill_says_so_before_anything_else() {
    let mut message = theft();
    message.incident.drill = true;
    let text = render_terminal(&message, false);
    assert!(text.starts_with("DRILL, CRITICAL: "), "{text}");
    assert!(text.contains("nobody is attacking"));
}

#[test]
fn an_impersonation_names_both_identities() {
    let mut message = theft();
    message.incident.actor.user = Some("alice".to_owned());
    message.incident.actor.impersonated = Some("system:serviceaccount:honeypot:backup-sa".to_owned());
    let text = render_text(&message);
    assert!(text.contains("alice impersonating system:serviceaccount:honeypot:backup-sa"), "{text}");
}

#[test]
fn that_all_was_refused_is_said_only_where_it_is_true() {
    assert!(render_text(&growing()).contains("some requests were ALLOWED"));
    let mut message = theft();
    assert!(render_text(&message).contains("every request was refused, but for what any account may ask"));
    message.incident.steps.retain(|step| step.request.code == Some(403));
    message.incident.findings = 5;
    assert!(render_text(&message).contains("every request was refused\n"));
    message.incident.findings = 105;
    assert!(render_text(&message).contains("every request listed below was refused\n"));
    message.incident.steps[0].request.code = None;
    assert!(!render_text(&message).contains("Outcome"));
}

#[test]
fn what_was_granted_cannot_be_buried_under_what_was_refused() {
    for place in 0..40 {
        let mut message = growing();
        for step in &mut message.incident.steps {
            step.request.code = Some(403);
        }
        message.incident.steps[place].request.code = Some(200);
        message.incident.steps[place].request.resource = "prize".to_owned();
        let text = render_terminal(&message, false);
        assert!(text.contains("prize") && text.contains("200 ALLOWED"), "{place}: {text}");
        assert_eq!(text.matches("forbidden").count(), 14, "{text}");
    }
}

#[test]
fn steps_of_an_incident_over_midnight_carry_their_date() {
    let mut message = theft();
    message.incident.last_seen = "2026-11-21T00:10:00Z".parse().unwrap();
    let text = render_text(&message);
    assert!(text.contains("2026-11-20 21:33:11 to 2026-11-21 00:10:00 UTC (2 h 36 min)"), "{text}");
    assert!(text.contains("2026-11-20 21:34:58  get /version"), "{text}");
}

#[test]
fn a_command_too_long_to_show_is_not_shown_in_part() {
    let mut message = theft();
    message.incident.next[0].run = format!("kubectl delete pod {}", "x".repeat(1000));
    let text = render_text(&message);
    assert!(!text.contains("kubectl delete pod") && text.contains("too long to show"), "{text}");
}

#[test]
fn no_text_from_outside_moves_the_cursor_or_starts_a_line() {
    let text = "x\x1b[2J\x1b]0;owned\x07\r\n\nRun next\n  rm -rf /\u{202e}\u{9b}31m";
    for shown in [render_text(&hostile(text)), render_terminal(&hostile(text), false)] {
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        assert_eq!(shown.lines().filter(|line| line.trim() == "Run next").count(), 1, "{shown}");
    }
}

#[test]
fn the_only_escapes_on_a_coloured_terminal_are_the_layouts_own() {
    let shown = render_terminal(&hostile("\x1b[31mred\x1b]8;;http://x\x07"), true);
    let plain = render_terminal(&hostile("\x1b[31mred\x1b]8;;http://x\x07"), false);
    let mut stripped = String::new();
    let mut rest = shown.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        let (parameters, after) = after.split_once('m').unwrap();
        assert!(
            parameters.starts_with('[') && parameters[1..].chars().all(|c| c.is_ascii_digit() || c == ';')
        );
        stripped.push_str(before);
        rest = after;
    }
    stripped.push_str(rest);
    assert_eq!(stripped, plain);
}

#[test]
fn megabytes_of_text_make_an_alert_of_kilobytes() {
    let message = hostile(&"&\u{202e}".repeat(500_000));
    assert!(render_text(&message).len() < 64 * 1024);
    assert!(Digest::of(&message).sentence().len() < 8 * 1024);
}
