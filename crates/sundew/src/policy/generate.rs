//! `sundew policy generate`: the policy on standard output, and what is to be known of it on standard error.

use std::path::PathBuf;

use anyhow::{Result, bail};
use sundew_decoy::Decoy;
use sundew_policy::{
    Policy,
    estimate::{Estimate, Estimated},
    generate::{Choice, Quiet, Quieted, Why, generate, withheld},
    need::Needs,
    platform::{self, document},
};

use super::needs;
use crate::{
    args::{self, Platform},
    decoys,
    exit::Exit,
    gather::{logs, say},
    page,
    table::{cell, count, counted},
};

/// How wide a user, and what they ask for, may be.
const USER: usize = 58;
const REQUEST: usize = 44;

pub(super) fn run(args: &args::PolicyGenerate) -> Result<Exit> {
    let needs = needs::of(&args.wanted)?;
    let platform = platform_of(args.platform);
    if !platform.takes_policy() {
        if !args.quiet.is_empty() || !args.estimate.is_empty() {
            bail!(
                "--quiet and --estimate are about a policy of one's own, and {} takes none; leave them out",
                name(args.platform)
            );
        }
        page::deliver(document(platform, &Policy::default(), &needs).as_bytes(), args.out.as_deref())?;
        return Ok(Exit::Clean);
    }
    let plain = generate(&needs, &Choice::default());
    let quiet = quiet(args, &needs, &plain)?;
    let policy = generate(&needs, &Choice { quiet });
    let estimated = estimated(&args.estimate, &policy)?;
    page::deliver(document(platform, &policy, &needs).as_bytes(), args.out.as_deref())?;
    say_withheld(&needs);
    if !args.quiet.is_empty() {
        say_quiet(&policy, &plain);
    }
    if let Some(estimated) = estimated {
        say_estimate(&estimated);
    }
    Ok(Exit::Clean)
}

/// What of the logs of --quiet is left out.
fn quiet(args: &args::PolicyGenerate, needs: &Needs, plain: &Policy) -> Result<Vec<Quieted>> {
    if args.quiet.is_empty() {
        return Ok(Vec::new());
    }
    let inventory = args.inventory.as_deref().map(decoys::read).transpose()?;
    let mut quiet = Quiet::default();
    logs::read(&args.quiet, &mut |event, json| quiet.record(plain, event, json))?;
    let (mut users, mut bait) = (Default::default(), Default::default());
    if let Some(inventory) = &inventory {
        users = inventory.decoys.iter().map(Decoy::username).collect();
        bait = inventory.namespaces.iter().map(|bait| bait.name.clone()).collect();
    }
    Ok(quiet.choose(needs, &users, &bait))
}

fn estimated(logs: &[PathBuf], policy: &Policy) -> Result<Option<Estimated>> {
    if logs.is_empty() {
        return Ok(None);
    }
    let mut estimate = Estimate::new(policy);
    logs::read(logs, &mut |event, json| estimate.record(event, json))?;
    Ok(Some(estimate.finish()))
}

/// What no policy shows without putting credentials into the log, or cannot name.
fn say_withheld(needs: &Needs) {
    let withheld = withheld(needs);
    let of = |why: Why, wholly: bool| -> Vec<&str> {
        let those = withheld.iter().filter(|one| one.why == why && one.wholly == wholly);
        those.map(|one| one.name.as_str()).collect()
    };
    let blind = of(Why::Credential, true);
    if !blind.is_empty() {
        say(&format!(
            "Not seen, as the log would hold the credentials themselves: {}. What is done with such a credential is.",
            blind.join(", ")
        ));
    }
    let nameless = of(Why::Nameless, false);
    if !nameless.is_empty() {
        say(&format!(
            "Custom resources are logged without bodies: {} do not look into pods that such a resource describes. Add \
             those that make pods to the rule for what is made or changed.",
            nameless.join(", ")
        ));
    }
}

fn say_quiet(policy: &Policy, plain: &Policy) {
    let rules = policy.rules.len() - plain.rules.len();
    if rules == 0 {
        say(
            "--quiet leaves out nothing: no identity reads so steadily and so much that it would be worth its price.",
        );
        return;
    }
    say(&format!(
        "--quiet leaves out what {} name, each with its share of the log. The price: who steals such an identity's token \
         and repeats exactly these requests is not seen.",
        counted(rules as u64, "rule")
    ));
}

fn say_estimate(estimated: &Estimated) {
    let Estimated { bytes, under, guessed, .. } = *estimated;
    let share = if bytes > 0 { under as f64 * 100.0 / bytes as f64 } else { 0.0 };
    match (estimated.a_day(bytes), estimated.a_day(under)) {
        (Some(now), Some(then)) => {
            let span = span(estimated.seconds);
            say(&format!(
                "Estimate, from {} in {span}: {} a day now, {} a day under this policy ({share:.0} %).",
                counted(estimated.events, "event"),
                size(now),
                size(then)
            ));
            if estimated.is_short() {
                say(
                    "That is less than an hour of log, and days are not made of such hours: take the percentage.",
                );
            }
        }
        _ => say(&format!(
            "Estimate, from {} that do not say how long they took: {} now, {} under this policy ({share:.0} %).",
            counted(estimated.events, "event"),
            size(bytes as f64),
            size(under as f64)
        )),
    }
    if guessed > 0 {
        say(&format!(
            "Of the latter {} are reckoned: bodies that the policy logs and this log does not have.",
            size(guessed as f64)
        ));
    }
    if estimated.received > 0 {
        say(&format!(
            "Stage RequestReceived is {} of this log, and is left out.",
            size(estimated.received as f64)
        ));
    } else if estimated.received_would_cost > 0 {
        say(&format!(
            "This log has no stage RequestReceived; with it, it would have {} more, and so would the policy's.",
            size(estimated.received_would_cost as f64)
        ));
    }
    say(&format!("{:>12} {:>12}  {:<USER$}  request", "now", "policy", "who"));
    for line in &estimated.lines {
        let user = if line.user.is_empty() { "nobody (401)" } else { &line.user };
        let request = format!("{} {}", line.verb, line.resource);
        say(&format!(
            "{:>12} {:>12}  {:<USER$}  {}",
            count(line.bytes),
            count(line.under),
            cell(user, USER),
            cell(&request, REQUEST)
        ));
    }
}

fn size(bytes: f64) -> String {
    for (unit, name) in [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")] {
        if bytes >= unit {
            return format!("{:.1} {name}", bytes / unit);
        }
    }
    format!("{bytes:.0} bytes")
}

fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} seconds"),
        120..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn platform_of(platform: Platform) -> platform::Platform {
    match platform {
        Platform::Kubeadm => platform::Platform::Kubeadm,
        Platform::K3s => platform::Platform::K3s,
        Platform::Rke2 => platform::Platform::Rke2,
        Platform::Talos => platform::Platform::Talos,
        Platform::Openshift => platform::Platform::OpenShift,
        Platform::Eks => platform::Platform::Eks,
        Platform::Gke => platform::Platform::Gke,
        Platform::Aks => platform::Platform::Aks,
    }
}

fn name(platform: Platform) -> &'static str {
    match platform {
        Platform::Openshift => "OpenShift",
        Platform::Eks => "EKS",
        Platform::Gke => "GKE",
        Platform::Aks => "AKS",
        _ => "it",
    }
}
