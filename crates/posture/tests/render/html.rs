//! The page: what it says, what it keeps out, and that nothing on it can be made to act.

use sundew_posture::{
    Severity,
    render::html,
    report::{About, Report, View, compare},
};

use crate::build::{accepted, cut, finding, object, path, report, risk, unread};

fn page(report: &Report) -> String {
    html(report, None).unwrap()
}

/// What is between two texts, the first time.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let rest = page.split_once(from).unwrap_or_else(|| panic!("no {from}")).1;
    rest.split_once(to).unwrap_or_else(|| panic!("no {to}")).0
}

#[test]
fn the_first_screen_says_what_is_worst_what_to_do_and_what_was_not_read() {
    let mut report = report(vec![
        finding(Severity::Critical, View::Subjects, object("ServiceAccount", "shop/orders")),
        finding(Severity::Critical, View::Subjects, object("ServiceAccount", "shop/carts")),
        finding(Severity::Critical, View::Roles, object("ClusterRole", "secret-reader")),
        finding(Severity::Low, View::Tokens, object("Secret", "shop/old-token")),
    ]);
    report.cluster.name = "production".to_owned();
    report.cluster.unread = vec![unread("nodes")];
    report.cuts = vec![cut("deployer", 31, 2)];
    let page = page(&report);
    let glance = between(&page, "id=\"glance\"", "</section>");
    for said in [
        "ServiceAccount shop/orders reads Secrets in the whole cluster",
        "And 1 more like it",
        "<b>What to do:</b> Name the Secrets that are needed",
        "<b>nodes</b>: 403: the account may not list it",
        "ClusterRoleBinding deployer",
        "After the last, 2 still have one",
    ] {
        assert!(glance.contains(said), "{said}\n{glance}");
    }
    assert!(between(&page, "<header>", "</header>").contains("<b>12,345</b> pods"));
    assert_eq!(glance.matches("class=\"card").count(), 1, "a rule is told once");
}

#[test]
fn markup_in_names_stays_text_everywhere() {
    let evil = "<script>alert(1)</script>\" onmouseover=\"alert(2)' x='";
    let mut one = finding(Severity::Critical, View::Subjects, object("User", &format!("a{evil}/b{evil}")));
    for text in [&mut one.id, &mut one.rule, &mut one.title, &mut one.scope, &mut one.gives, &mut one.fix] {
        text.push_str(evil);
    }
    one.object.kind.push_str(evil);
    one.object.place = evil.to_owned();
    one.risks.push(risk(evil, Severity::Low));
    one.attack = vec![evil.to_owned()];
    one.reference = format!("https://example.org/{evil}");
    let why = &mut one.because[0];
    for text in [&mut why.what, &mut why.binding, &mut why.binding_place, &mut why.role, &mut why.role_place]
    {
        text.push_str(evil);
    }
    let mut report = report(vec![one.clone(), accepted(one.clone(), evil)]);
    report.cluster.name = evil.to_owned();
    report.cluster.version = Some(evil.to_owned());
    report.cluster.notices = vec![evil.to_owned()];
    report.cluster.unread = vec![unread(evil)];
    report.cluster.counts.insert(evil.to_owned(), 1);
    let mut way = path(one.object.clone());
    way.steps[0].act = evil.to_owned();
    way.steps[0].becomes = one.object.clone();
    report.paths = vec![way];
    let mut removed = cut(evil, 1, 0);
    removed.role = evil.to_owned();
    report.cuts = vec![removed];
    let words = report.risks["secrets-read"].clone();
    report
        .risks
        .insert(evil.to_owned(), About { title: evil.to_owned(), reference: evil.to_owned(), ..words });
    let page = html(&report, Some(&compare(&crate::build::report(Vec::new()), &report))).unwrap();
    assert_eq!(page.matches("<script").count(), 2, "only the page's own");
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("\" onmouseover"), "no quote ends an attribute");
    assert!(!page.contains("' x="));
}

#[test]
fn a_reference_becomes_a_link_only_where_it_opens_a_page() {
    let mut one = finding(Severity::Low, View::Tokens, object("Secret", "shop/old"));
    one.rule = "token-never-used".to_owned();
    one.reference = "javascript:alert(1)".to_owned();
    let page = page(&report(vec![one]));
    assert!(page.contains("javascript:alert(1)"));
    assert!(!page.contains("href=\"javascript"));
}

#[test]
fn the_policy_lets_run_what_the_page_brings_and_nothing_else() {
    let page = page(&report(Vec::new()));
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">");
    assert!(policy.starts_with("default-src &#39;none&#39;; style-src &#39;sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"));
    let hash = |text: &str| {
        use base64::{Engine, prelude::BASE64_STANDARD};
        BASE64_STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
    };
    let style = format!("style-src &#39;sha256-{}&#39;;", hash(between(&page, "<style>", "</style>")));
    assert!(policy.contains(&style), "the style is allowed as it stands in the page");
    let scripts: Vec<&str> =
        page.split("<script>").skip(1).map(|rest| rest.split("</script>").next().unwrap()).collect();
    let scripts: Vec<String> =
        scripts.iter().map(|script| format!("&#39;sha256-{}&#39;", hash(script))).collect();
    assert!(policy.contains(&format!("script-src {};", scripts.join(" "))), "and so are the scripts");
    assert!(!page.contains(" style="), "the policy forbids it");
    assert!(!page.contains("src=\""), "the page fetches nothing");
}

#[test]
fn kubernetes_own_and_accepted_findings_are_folded_and_not_counted() {
    let mut own = finding(Severity::Critical, View::Roles, object("ClusterRole", "system:own"));
    own.system = true;
    let known = finding(Severity::High, View::Pods, object("Pod", "shop/known"));
    let page = page(&report(vec![own, accepted(known, "the backup needs it")]));
    assert!(page.contains("Not counted: 1 of Kubernetes' own, 1 accepted"));
    let roles = between(&page, "<section id=\"roles\"", "</section>");
    assert!(between(roles, "<details class=\"fold\">", "</tbody>").contains("system:own"));
    let known = between(&page, "<section id=\"accepted\"", "</section>");
    assert!(known.contains("the backup needs it") && known.contains("2026-12-31"));
    assert!(!page.contains("<section id=\"pods\""), "what is accepted is in its own section only");
}

#[test]
fn a_way_is_a_row_of_boxes_joined_by_acts() {
    let mut report = report(Vec::new());
    let mut many = path(object("Pod", "shop/orders-7d4"));
    many.count = 40;
    report.paths = vec![many];
    let page = page(&report);
    let chain = between(&page, "<ol class=\"chain\">", "</ol>");
    let at = |text: &str| chain.find(text).unwrap_or_else(|| panic!("no {text} in {chain}"));
    assert!(at("shop/orders-7d4") < at("makes a pod with the account"));
    assert!(at("kube-system/deployer") < at("is cluster-admin"));
    assert!(at("is cluster-admin") < at("the whole cluster"));
}

#[test]
fn tables_are_bounded_and_say_what_they_leave_out() {
    let one =
        |n: u32| finding(Severity::High, View::Subjects, object("ServiceAccount", &format!("shop/a{n}")));
    let page = page(&report((0..20_000).map(one).collect()));
    let subjects = between(&page, "<section id=\"subjects\"", "</section>");
    assert_eq!(subjects.matches("<tr data-s").count(), 1000);
    assert!(subjects.contains("The worst 1,000 of 20,000 are on this page; the JSON report has all."));
    assert!(page.len() < 3_000_000, "{}", page.len());
}

#[test]
fn a_comparison_shows_what_is_new_worse_and_gone() {
    let orders = |severity| finding(severity, View::Subjects, object("ServiceAccount", "shop/orders"));
    let before = report(vec![
        orders(Severity::Medium),
        finding(Severity::High, View::Pods, object("Pod", "shop/gone-pod")),
    ]);
    let mut now = report(vec![
        orders(Severity::Critical),
        finding(Severity::High, View::Pods, object("Pod", "shop/new-pod")),
    ]);
    now.cluster.unread = vec![unread("secrets")];
    let page = html(&now, Some(&compare(&before, &now))).unwrap();
    let change = between(&page, "<section id=\"change\"", "</section>");
    assert!(between(change, "<h3>New: 1</h3>", "<h3>Worse").contains("new-pod"));
    assert!(between(change, "<h3>Worse: 1</h3>", "<details class=\"fold\">").contains("was medium"));
    assert!(change.split_once("Gone: 1").unwrap().1.contains("gone-pod"));
    assert!(change.contains("so that nothing follows for: secrets"));
}

#[test]
fn a_finding_lists_all_its_risks_and_what_was_added() {
    let one = finding(Severity::High, View::Subjects, object("ServiceAccount", "shop/orders"));
    let before = report(vec![one.clone()]);
    let mut now = before.clone();
    now.findings[0].risks.push(risk("pods-create", Severity::Medium));
    let page = html(&now, Some(&compare(&before, &now))).unwrap();
    let change = between(&page, "<section id=\"change\"", "</section>");
    assert!(change.contains("<b>New since then:</b> creates pods"));
    assert!(!change.contains("was high"), "the severity is what it was");
    let subjects = between(&page, "<section id=\"subjects\"", "</section>");
    assert!(subjects.contains("<a href=\"#risk-pods-create\">creates pods</a>"));
    assert!(page.contains("<div id=\"risk-pods-create\">"), "the link leads somewhere");
}

#[test]
fn an_empty_report_says_so() {
    let page = page(&report(Vec::new()));
    assert!(page.contains("Nothing was found."));
    assert!(page.contains("<title>Manifests: posture</title>"));
}
