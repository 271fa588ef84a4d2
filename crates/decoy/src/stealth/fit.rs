//! How the decoy fits among its neighbours: ages, times and names.

use jiff::Timestamp;

use super::{Check, Verdict, point, unseen};
use crate::{
    persona::SignKind,
    plan::Plan,
    surroundings::{Surroundings, Thing},
};

/// With fewer other accounts than this, a cluster has no style of naming them.
const ENOUGH_ACCOUNTS: usize = 5;
/// More objects than this within a minute are a release, and a release has an owner.
const MANY_OBJECTS: usize = 8;
/// Endings that people give to accounts.
const ENDINGS: &[&str] = &["-sa", "-serviceaccount", "-service-account", "-svc"];

fn of_kind(around: &Surroundings, kind: SignKind) -> impl Iterator<Item = &Thing> {
    around.things.iter().filter(move |thing| thing.kind == kind)
}

pub(super) fn age_of_namespace(plan: &Plan, around: &Surroundings) -> Check {
    const POINT: &str = "age of the namespace";
    let name = &plan.decoy.namespace;
    let unknown = |why: String| point(POINT, Verdict::Unknown, why);
    if let Some(why) = unseen(around, "namespaces") {
        return unknown(why);
    }
    let created = of_kind(around, SignKind::Namespace).find(|thing| thing.name == *name);
    let Some(created) = created.and_then(|thing| thing.created) else {
        return unknown(format!("it is not known when `{name}` was made"));
    };
    let others = of_kind(around, SignKind::Namespace).filter(|thing| thing.name != *name);
    let mut others: Vec<Timestamp> = others.filter_map(|thing| thing.created).collect();
    if others.is_empty() {
        return unknown("there is no other namespace to compare it with".into());
    }
    others.sort();
    let days = |at: Timestamp| around.now.duration_since(at).as_secs().max(0) / 86_400;
    let (own, median) = (days(created), days(others[others.len() / 2]));
    let found = format!("`{name}` is {own} days old, the others {median} (median)");
    // Half the age is where the eye stops in a column of ages.
    let young = own * 2 < median;
    point(POINT, if young { Verdict::Doubtful } else { Verdict::Fine }, found)
}

pub(super) fn times(plan: &Plan) -> Check {
    let count = plan.objects.len();
    let found = match count {
        1 => "one object is made, so none shares its second".into(),
        _ => format!(
            "{count} objects are made more than a second apart, so no two share a second; all will be of the same minutes"
        ),
    };
    let verdict = if count > MANY_OBJECTS { Verdict::Doubtful } else { Verdict::Fine };
    point("times of creation", verdict, found)
}

pub(super) fn account_name(plan: &Plan, around: &Surroundings) -> Check {
    const POINT: &str = "name of the account";
    if let Some(why) = unseen(around, "serviceaccounts") {
        return point(POINT, Verdict::Unknown, why);
    }
    let account = &plan.decoy.account;
    // What Kubernetes and its parts make is named alike in every cluster.
    let others = of_kind(around, SignKind::Account);
    let others = others.filter(|thing| thing.name != "default" && !thing.namespace.starts_with("kube-"));
    let others: Vec<&str> = others.map(|thing| thing.name.as_str()).collect();
    if others.len() < ENOUGH_ACCOUNTS {
        let found = format!("{} other accounts are too few to have a style", others.len());
        return point(POINT, Verdict::Fine, found);
    }
    let ending = |name: &str| ENDINGS.iter().find(|ending| name.ends_with(**ending)).copied();
    let with = others.iter().filter(|name| ending(name).is_some()).count();
    let share = format!("{with} of {} other accounts end in {}", others.len(), ENDINGS.join(", "));
    let stands_out = match ending(account) {
        Some(_) => with == 0,
        // In kube-system names come from products, not from the people of the cluster.
        None => with * 3 >= others.len() * 2 && !plan.decoy.namespace.starts_with("kube-"),
    };
    if stands_out {
        let found = format!("`{account}` stands out: {share}; name it as they are with --set account=NAME");
        return point(POINT, Verdict::Doubtful, found);
    }
    point(POINT, Verdict::Fine, format!("`{account}` does not stand out: {share}"))
}
