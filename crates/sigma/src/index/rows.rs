//! What one field says of the rules.

use std::{collections::BTreeSet, net::IpAddr};

use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;

use super::{
    Bits,
    key::{Asked, Given, Key, Told},
    needles::Needles,
    set,
};
use crate::{condition::Test, field::Look, matcher::Known};

/// How many values and texts of one field are told apart. Beyond this they are as good as unknown.
const MOST: usize = 2_000;

/// How many networks of one field are told apart: an address is held against each.
const MOST_NETS: usize = 256;

/// The row for an absent field.
const ABSENT: usize = 0;
/// The row for a field of which nothing is told.
const OTHER: usize = 1;

/// What one field says of the rules.
#[derive(Debug)]
pub(super) struct Rows {
    key: Key,
    words: usize,
    /// The rules that can be left out by this field.
    asked: Bits,
    /// Which values and texts are told, and their rows. Of a field with a single value, the row of a value is the rules
    /// that it leaves. In all other rows stand the rules that name the value or text: they are added to those of
    /// [`OTHER`].
    told: Names,
    bits: Vec<u64>,
}

#[derive(Debug, Default)]
struct Names {
    values: HashMap<Box<str>, usize>,
    needles: Needles,
    nets: Vec<(IpNet, usize)>,
}

impl Rows {
    /// What `key` says of the rules; none where it says nothing.
    pub(super) fn build(key: Key, tests: &[Test], all: &Bits) -> Option<Self> {
        let asked = tests.iter().enumerate();
        let asked: Vec<_> = asked.filter_map(|(at, test)| Some((at, key.asked_by(test)?))).collect();
        let told = Names::of(&asked);
        let words = all.len();
        let mut rows = Self { key, words, asked: Bits::from_elem(0, words), told, bits: Vec::new() };
        rows.bits = vec![u64::MAX; rows.count() * words];
        if !rows.key.has_one_value() {
            rows.bits[(OTHER + 1) * words..].fill(0);
        }
        let values = OTHER + 1 + rows.told.values.len();
        rows.bits[values * words..].fill(0);
        for (at, asked) in &asked {
            rows.put(*at, &tests[*at], asked);
        }
        rows.asked.iter().any(|word| *word != 0).then_some(rows)
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The rules that can be left out by this field.
    pub(super) fn asked(&self) -> &[u64] {
        &self.asked
    }

    /// How many rules are left where nothing is told of the field.
    pub(super) fn left(&self) -> u32 {
        self.row(OTHER).iter().chain(self.row(ABSENT)).map(|bits| bits.count_ones()).sum()
    }

    /// Leaves of `left` those rules that the event's field does not rule out.
    pub(super) fn narrow(&self, look: &Look<'_, '_>, left: &mut Bits) {
        let (mut row, mut named) = (OTHER, SmallVec::<[usize; 8]>::new());
        let mut null = false;
        self.key.find(look, |given| match given {
            Given::Absent => row = ABSENT,
            Given::Other => row = OTHER,
            Given::Null => null = true,
            Given::One(value) => match self.told.values.get(value) {
                Some(whole) if self.key.has_one_value() => row = *whole,
                whole => {
                    named.extend(whole.copied());
                    self.told.needles.find(value, |row| named.push(row));
                    self.told.find_nets(value, |row| named.push(row));
                }
            },
        });
        if null {
            return;
        }
        if named.is_empty() {
            left.iter_mut().zip(self.row(row)).for_each(|(left, row)| *left &= row);
            return;
        }
        for (at, left) in left.iter_mut().enumerate() {
            let row = named.iter().fold(self.row(row)[at], |bits, row| bits | self.row(*row)[at]);
            *left &= row;
        }
    }

    fn row(&self, row: usize) -> &[u64] {
        &self.bits[row * self.words..(row + 1) * self.words]
    }

    fn row_mut(&mut self, row: usize) -> &mut [u64] {
        &mut self.bits[row * self.words..(row + 1) * self.words]
    }

    fn count(&self) -> usize {
        OTHER + 1 + self.told.values.len() + self.told.needles.len() + self.told.nets.len()
    }

    /// Puts the bits of the test at `at` into all rows.
    fn put(&mut self, at: usize, test: &Test, asked: &Asked) {
        let rules_out = |told: Told<'_>| self.key.rules_out(test, told, &self.told);
        let (absent, other) = (rules_out(Told::Absent), rules_out(Told::Other));
        let mut out: Vec<usize> = Vec::new();
        out.extend(absent.then_some(ABSENT));
        out.extend(other.then_some(OTHER));
        if self.key.has_one_value() {
            let own = |name: &str| asked.values.iter().any(|value| **value == *name);
            for (name, row) in &self.told.values {
                let told = if asked.named_only && !own(name) { other } else { rules_out(Told::Is(name)) };
                out.extend(told.then_some(*row));
            }
        }
        for row in &out {
            self.row_mut(*row)[at / 64] &= !(1 << (at % 64));
        }
        if !out.is_empty() {
            set(&mut self.asked, at);
        }
        let values = asked.values.iter().filter_map(|value| self.told.values.get(value).copied());
        let values: Vec<_> = values.filter(|_| !self.key.has_one_value()).collect();
        let needles: Vec<_> =
            asked.needles.iter().filter_map(|needle| self.told.needles.row(needle)).collect();
        let nets: Vec<_> = asked.nets.iter().filter_map(|net| self.told.row_of_net(net)).collect();
        for row in values.into_iter().chain(needles).chain(nets) {
            set(self.row_mut(row), at);
        }
    }
}

impl Names {
    fn of(asked: &[(usize, Asked)]) -> Self {
        let distinct = |of: fn(&Asked) -> &[Box<str>]| {
            let all: BTreeSet<&Box<str>> = asked.iter().flat_map(|(_, asked)| of(asked)).collect();
            all.into_iter().filter(|name| !name.is_empty()).take(MOST).cloned().collect::<Vec<_>>()
        };
        let values: HashMap<_, _> = distinct(|asked| &asked.values).into_iter().zip(OTHER + 1..).collect();
        let needles = Needles::new(distinct(|asked| &asked.needles), OTHER + 1 + values.len());
        let nets: BTreeSet<IpNet> = asked.iter().flat_map(|(_, asked)| asked.nets.iter().copied()).collect();
        let first = OTHER + 1 + values.len() + needles.len();
        let nets = nets.into_iter().take(MOST_NETS).zip(first..).collect();
        Self { values, needles, nets }
    }

    fn row_of_net(&self, net: &IpNet) -> Option<usize> {
        self.nets.iter().find(|(other, _)| other == net).map(|(_, row)| *row)
    }

    /// Calls `with` for the row of each network that `value`, if it is an address, is in.
    fn find_nets(&self, value: &str, mut with: impl FnMut(usize)) {
        if self.nets.is_empty() {
            return;
        }
        let Ok(address) = value.parse::<IpAddr>() else { return };
        self.nets.iter().filter(|(net, _)| net.contains(&address)).for_each(|(_, row)| with(*row));
    }
}

impl Known for Names {
    fn text(&self, text: &str) -> bool {
        self.values.contains_key(text)
    }

    fn needle(&self, needle: &str) -> bool {
        self.needles.row(needle).is_some()
    }

    fn net(&self, net: &IpNet) -> bool {
        self.row_of_net(net).is_some()
    }
}
