//! `sundew who-can`: who can do one thing, and through which binding and role.

use anyhow::{Result, bail};
use sundew_posture::{
    model::Subject,
    questions::{Asked, Grant, Holder, May, Question, Reach, Target, WhoCan, may, who_can},
    rbac::{Identity, Rbac},
    report::Unread,
};

use crate::{
    args::{self, Output},
    exit::Exit,
    gather::gather,
    page::{self, Page},
    table::counted,
};

pub(crate) fn run(args: &args::WhoCan) -> Result<Exit> {
    let question = question(args)?;
    let identity = args.subject.as_deref().map(|text| identity(text, &args.as_group)).transpose()?;
    let gathered = gather(&args.source, false)?;
    let rbac = Rbac::new(&gathered.cluster);
    let done = |exit| if gathered.damaged { Exit::Failed } else { exit };
    let mut page = Page::new(None);
    let Some(identity) = identity else {
        let answer = who_can(&rbac, &question);
        if args.output == Output::Json {
            page::deliver(&json(&answer)?, None)?;
        } else {
            everybody(&mut page, &answer, args.explain);
            page.finish(None)?;
        }
        return Ok(done(Exit::Clean));
    };
    let answer = may(&rbac, &question, &identity);
    if args.output == Output::Json {
        page::deliver(&json(&answer)?, None)?;
    } else {
        one(&mut page, &answer, args.explain);
        page.finish(None)?;
    }
    Ok(done(if answer.allowed { Exit::Clean } else { Exit::Found }))
}

fn json(answer: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(answer)?;
    text.push(b'\n');
    Ok(text)
}

fn question(args: &args::WhoCan) -> Result<Question> {
    let target = Target::parse(&args.resource, args.group.as_deref(), &args.subresource)
        .map_err(anyhow::Error::msg)?;
    let reach = match &args.namespace {
        Some(namespace) => Reach::Namespace(namespace.clone()),
        None if args.all_namespaces => Reach::Any,
        None => Reach::All,
    };
    Ok(Question { verb: args.verb.to_lowercase(), target, reach })
}

fn identity(text: &str, groups: &[String]) -> Result<Identity> {
    let identity = match text.parse()? {
        Asked::Node(name) => Identity::node(&name),
        Asked::Subject(Subject::User(name)) if !groups.is_empty() => {
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            return Ok(Identity::user(&name, &groups));
        }
        Asked::Subject(subject) => Identity::of(&subject),
        other => {
            bail!(
                "{other} asks for nothing; --as takes sa/NAMESPACE/NAME, user/NAME, group/NAME or node/NAME"
            )
        }
    };
    if !groups.is_empty() {
        bail!("--as-group says the groups of a user; those of {text} are known");
    }
    Ok(identity)
}

fn warn(page: &mut Page, unread: &[Unread], so: &str) {
    for missing in unread {
        page.warning(&format!("Not read, so {so}: {}: {}", missing.resource, missing.reason));
    }
}

fn everybody(page: &mut Page, answer: &WhoCan, explain: bool) {
    warn(page, &answer.unread, "more may be able to");
    answer.doubts.iter().for_each(|doubt| page.warning(doubt));
    match answer.who.len() {
        0 => page.line(&format!("Nobody whom a binding names can {}", answer.question)),
        n => page.line(&format!("{} can {}", counted(n as u64, "subject"), answer.question)),
    }
    holders(page, &answer.who, explain);
    if !answer.partly.is_empty() {
        let many = counted(answer.partly.len() as u64, "subject");
        let what = "in part: in single namespaces, or for given names";
        if explain {
            page.heading(&format!("{many} can {what}"), "");
            holders(page, &answer.partly, true);
        } else {
            page.gap();
            page.indented(0, &format!("{many} can {what}; --explain lists them, -n and -A ask for them"));
        }
    }
    notes(page, &answer.notes);
}

fn holders(page: &mut Page, holders: &[Holder], explain: bool) {
    if explain {
        for holder in holders {
            page.gap();
            page.line(&who(holder));
            grants(page, &holder.because);
        }
        return;
    }
    let row = |holder: &Holder| {
        let who = who(holder);
        let mut rows: Vec<Vec<String>> = holder
            .because
            .iter()
            .map(|grant| vec![who.clone(), grant.scope.clone(), grant.binding.clone(), grant.role.clone()])
            .collect();
        // Several rules of one role say the same here.
        rows.dedup();
        rows
    };
    let rows: Vec<Vec<String>> = holders.iter().flat_map(row).collect();
    if !rows.is_empty() {
        page.gap();
        page.columns(&["SUBJECT", "WHERE", "BINDING", "ROLE"], &rows);
    }
}

fn who(holder: &Holder) -> String {
    match holder.members.as_str() {
        "" => holder.subject.to_string(),
        members => format!("{} ({members})", holder.subject),
    }
}

fn grants(page: &mut Page, grants: &[Grant]) {
    for grant in grants {
        page.indented(2, &format!("{} ({})", grant.rule, grant.scope));
        let through =
            if grant.through.is_empty() { String::new() } else { format!(", as {}", grant.through) };
        page.faint(
            4,
            &format!(
                "by {}{} → {}{}{through}",
                grant.binding,
                at(&grant.binding_place),
                grant.role,
                at(&grant.role_place)
            ),
        );
    }
}

fn at(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" ({place})") }
}

fn notes(page: &mut Page, notes: &[String]) {
    if !notes.is_empty() {
        page.gap();
    }
    for note in notes {
        page.faint(0, &format!("Note: {note}"));
    }
}

fn one(page: &mut Page, answer: &May, explain: bool) {
    warn(page, &answer.unread, "it may be able to all the same");
    answer.doubts.iter().for_each(|doubt| page.warning(doubt));
    let word = if answer.allowed { "Yes" } else { "No" };
    let can = if answer.allowed { "can" } else { "cannot" };
    page.line(&format!("{word}: {} {can} {}", answer.who, answer.question));
    for beside in &answer.beside {
        page.indented(2, beside);
    }
    let shown = if explain { answer.because.len() } else { 1 };
    grants(page, answer.because.get(..shown.min(answer.because.len())).unwrap_or_default());
    if let Some(left @ 1..) = answer.because.len().checked_sub(shown) {
        page.faint(2, &format!("and {}: --explain lists them", counted(left as u64, "more rule")));
    }
    if !answer.near.is_empty() {
        page.heading("What comes near", "");
        for near in &answer.near {
            page.indented(2, &format!("{} ({}), but {}", near.grant.rule, near.grant.scope, near.lacks));
            page.faint(4, &format!("by {} → {}", near.grant.binding, near.grant.role));
        }
    }
    notes(page, &answer.notes);
}
