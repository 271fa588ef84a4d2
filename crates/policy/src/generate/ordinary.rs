//! What the control plane and the kubelets do all day, and no detection reads: left out by their names.
//!
//! Each line names what one kind of identity does of its own accord, and is kept only where no detection needs it for
//! any of those users ([`Needs::special_asks_of`]). What is about who asks, and not about what (another client, another
//! address), is still seen in all that is not left out.

mod lines;

use std::collections::BTreeSet;

use self::lines::{CONTROLLERS, LINES, Line, MANAGER, MORE_ACCOUNTS, PUBLISHERS, READERS, Whose};
use crate::{
    model::{Level, Resources, Rule},
    need::{
        Ask, Needs,
        shapes::Thing,
        who::{ANY_NODE, API_SERVER, COMPONENTS, NODES, controller},
    },
};

/// The user names of the controllers, and of the manager that they all are where they have no accounts of their own.
pub(super) fn controllers() -> Vec<String> {
    std::iter::once(MANAGER.to_owned()).chain(CONTROLLERS.map(controller)).collect()
}

/// The rules that leave this out, as far as no detection needs it.
pub(super) fn rules(needs: &Needs) -> Vec<Rule> {
    LINES.iter().filter_map(|line| line.rule(needs)).collect()
}

impl Line {
    fn rule(&self, needs: &Needs) -> Option<Rule> {
        let free = |of: &(&str, &[&str])| self.free(needs, of.0, of.1);
        let resources: Vec<Resources> = merged(self.resources.iter().filter_map(free));
        let urls: Vec<String> = self
            .urls
            .iter()
            .filter(|url| self.is_free_url(needs, url))
            .map(|url| (*url).to_owned())
            .collect();
        if resources.is_empty() && urls.is_empty() {
            return None;
        }
        let (users, groups) = match self.whose {
            Whose::Nodes => (Vec::new(), vec![NODES.to_owned()]),
            _ => (self.users(), Vec::new()),
        };
        let verbs = self.verbs.iter().map(|verb| (*verb).to_owned()).collect();
        let comment = self.comment.to_owned();
        let namespaces = if self.own_accounts { vec!["kube-system".to_owned()] } else { Vec::new() };
        Some(Rule { users, groups, verbs, resources, namespaces, urls, comment, ..Rule::new(Level::None) })
    }

    fn users(&self) -> Vec<String> {
        let components = COMPONENTS.map(str::to_owned);
        match self.whose {
            Whose::ApiServer => vec![API_SERVER.to_owned()],
            Whose::Manager => vec![MANAGER.to_owned()],
            Whose::Components => components.to_vec(),
            Whose::Nodes => vec![ANY_NODE.to_owned()],
            Whose::Publishers => {
                std::iter::once(MANAGER.to_owned()).chain(PUBLISHERS.map(controller)).collect()
            }
            Whose::Readers => components.into_iter().chain(READERS.map(controller)).collect(),
            Whose::ControlPlane => components.into_iter().chain(CONTROLLERS.map(controller)).collect(),
        }
    }

    /// Of the named resources of a group those that no detection needs; the group alone where it was.
    fn free(&self, needs: &Needs, group: &str, names: &[&str]) -> Option<Resources> {
        let of = |name: &&&str| {
            let (resource, subresource) = name.split_once('/').unwrap_or((name, ""));
            self.is_free(needs, &Thing::object(group, resource, subresource))
        };
        let free: Vec<String> = names.iter().filter(of).map(|name| (*name).to_owned()).collect();
        let all = names.is_empty()
            && needs.shapes().iter().all(|shape| {
                let inside = matches!(&*shape.thing, Thing::Object { group: of, .. } if of == group);
                !inside || self.is_free(needs, &shape.thing)
            });
        (all || !free.is_empty()).then(|| Resources {
            group: group.to_owned(),
            resources: free,
            names: if self.own_accounts { own_accounts() } else { Vec::new() },
        })
    }

    fn is_free(&self, needs: &Needs, thing: &Thing) -> bool {
        let verbs = self.verbs.iter().filter(|verb| thing.verbs().contains(verb));
        let mut shapes = verbs.filter_map(|verb| needs.shape_of(thing, verb));
        let users = self.users();
        // The tripwire is about decoys, and none is an account of a controller.
        let counts = |ask: &Ask| !self.own_accounts || !needs.detections()[ask.detection].is_of_tripwire();
        shapes.all(|shape| users.iter().all(|user| !needs.special_asks_of(user, shape).iter().any(counts)))
    }

    fn is_free_url(&self, needs: &Needs, url: &str) -> bool {
        let begins = url.trim_end_matches('*').trim_end_matches('/');
        let meant = |thing: &Thing| matches!(thing, Thing::Url(path) if path.starts_with(begins));
        needs
            .shapes()
            .iter()
            .filter(|shape| meant(&shape.thing))
            .all(|shape| self.is_free(needs, &shape.thing))
    }
}

/// The names of all accounts of controllers.
fn own_accounts() -> Vec<String> {
    let names: BTreeSet<&str> = CONTROLLERS.into_iter().chain(MORE_ACCOUNTS).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Lines of one group as one.
fn merged(lines: impl Iterator<Item = Resources>) -> Vec<Resources> {
    let mut all: Vec<Resources> = Vec::new();
    for line in lines {
        match all.iter_mut().find(|one| one.group == line.group) {
            Some(one) => one.resources.extend(line.resources),
            None => all.push(line),
        }
    }
    all
}
