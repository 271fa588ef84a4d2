//! Credentials that are bound to no pod: one that is used from two networks at once.

use sundew_audit::Severity;

use super::{
    Request, Spot, Tokens,
    clock::{DAY, MINUTE, within},
    holder::{Holder, Turns},
    id::{Address, HolderKey},
    person, words,
};
use crate::{Class, Novelty};

/// Seconds within which a credential must have changed its network three times: there, back, and there again.
const ALTERNATING: u32 = 10 * MINUTE;
/// Seconds for which two networks that were told of are told of no more.
const TOLD_AGAIN: u32 = 7 * DAY;
/// With so many others at an address within a day, it is one that many go through.
const CROWD: usize = 2;

impl Tokens {
    /// A credential that is bound to no pod was used.
    pub(super) fn loose(&mut self, request: &Request<'_>, key: HolderKey) -> Vec<Novelty> {
        let (at, new) = self.enter_holder(key, request.at);
        let holder = self.holders.at_mut(at);
        let (one, new_use, lost) = holder.take(request.address, request.at);
        self.uses_forgotten += u64::from(lost);
        let home = holder.uses[one].home;
        let from = turn(holder, one, new_use, request.at);
        holder.settled = holder.turns.is_none();
        self.take_person(request, home);

        let told = from.and_then(|from| self.two_networks(request, at, from));
        self.holders.note(at, new || new_use || from.is_some(), request.at);
        let generation = self.holders.generation(at).unwrap_or_default();
        self.spot = Spot::At { holder: at, generation, address: request.address };
        told.into_iter().collect()
    }

    /// The credential at `at` was used from `from` just before.
    fn two_networks(&mut self, request: &Request<'_>, at: u32, from: Address) -> Option<Novelty> {
        let holder = self.holders.at(at);
        let turns = &holder.turns.as_deref()?[usize::from(!from.is_v4())];
        if !turns.times.iter().all(|time| within(*time, request.at, ALTERNATING)) {
            return None;
        }
        let nets = [from, request.address].map(Address::wide);
        let told = |net| {
            let mut in_it = holder.uses.iter().filter(|one| one.address.wide() == net);
            in_it.any(|one| within(one.told, request.at, TOLD_AGAIN))
        };
        if nets.into_iter().all(told) {
            return None;
        }
        // Two ways out that many take: a firm's two providers, or a NAT with several addresses.
        if self.crowded(request, from) && self.crowded(request, request.address) {
            return None;
        }
        let holder = self.holders.at_mut(at);
        if !holder.may_tell(request.at) {
            return None;
        }
        for one in holder.uses.iter_mut().filter(|one| nets.contains(&one.address.wide())) {
            one.told = request.at;
        }
        let severity = if request.seen.class == Class::Workload { Severity::High } else { Severity::Medium };
        Some(words::two_networks(request.seen, holder, nets, severity))
    }

    fn crowded(&self, request: &Request<'_>, address: Address) -> bool {
        let place = self.places.get(&(request.cluster, address));
        place.is_some_and(|place| {
            place.is_shared(request.at) || place.people.lately(person(request.seen), request.at) >= CROWD
        })
    }
}

/// Where the credential was used just before, if that is another network of the same family.
fn turn(holder: &mut Holder, one: usize, new_use: bool, at: u32) -> Option<Address> {
    let address = holder.uses[one].address;
    let differs = |other: &Address| other.is_v4() == address.is_v4() && other.wide() != address.wide();
    if holder.turns.is_none() && !holder.uses.iter().any(|other| differs(&other.address)) {
        return None;
    }
    // The first change is found by where the credential was known from.
    let before = holder.uses.iter().filter(|other| new_use && differs(&other.address));
    let before = before.max_by_key(|other| other.span.last).map(|other| other.address);
    let turns = &mut holder.turns.get_or_insert_default()[usize::from(!address.is_v4())];
    let Turns { last, times } = turns;
    let from = last.replace(address).or(before).filter(differs)?;
    *times = [times[1], times[2], at];
    Some(from)
}
