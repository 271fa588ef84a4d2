//! Many things → the few lines in which a policy names them.

use std::collections::{BTreeMap, BTreeSet};

use sundew_posture::questions::RESOURCES;

use crate::{
    model::Resources,
    need::{Needs, shapes::Thing},
};

/// The lines that name `things` and nothing else that there is: `deployments/*` for a resource with all of its
/// subresources, a group alone for all of its resources.
pub(super) fn lines(needs: &Needs, things: &BTreeSet<&Thing>) -> Vec<Resources> {
    let mut groups: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for thing in things {
        if let Thing::Object { group, resource, subresource } = thing {
            groups.entry(group).or_default().entry(resource).or_default().insert(subresource);
        }
    }
    let known = known(needs);
    let line = |(group, resources): (&str, BTreeMap<&str, BTreeSet<&str>>)| {
        let all = is_kubernetes(group) && known.get(group).is_some_and(|all| *all == resources);
        let names = resources.into_iter().flat_map(|(resource, subresources)| {
            let of = known.get(group).and_then(|group| group.get(resource));
            if subresources.len() > 1 && of == Some(&subresources) {
                return vec![format!("{resource}/*")];
            }
            let name =
                |sub: &str| if sub.is_empty() { resource.to_owned() } else { format!("{resource}/{sub}") };
            subresources.into_iter().map(name).collect()
        });
        // The core group is half of Kubernetes: there, each is named.
        let resources = if all && !group.is_empty() { Vec::new() } else { names.collect() };
        Resources { group: group.to_owned(), resources, names: Vec::new() }
    };
    groups.into_iter().map(line).collect()
}

/// Whether all resources of a group are known.
fn is_kubernetes(group: &str) -> bool {
    RESOURCES.iter().any(|known| known.group == group)
}

/// All subresources, by resource and group; the resource itself is the empty one.
fn known(needs: &Needs) -> BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> {
    let mut known: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for shape in needs.shapes() {
        if let Thing::Object { group, resource, subresource } = &*shape.thing {
            known.entry(group).or_default().entry(resource).or_default().insert(subresource);
        }
    }
    known
}
