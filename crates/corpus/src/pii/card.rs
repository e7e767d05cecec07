//! Card numbers: the lengths and first digits of issuers, in groups of four or one run, by Luhn's checksum.

use super::number::{Chain, Joint};
use super::{Found, Kind};

pub(super) fn card(chain: &Chain<'_>) -> Option<Found> {
    let joints = [Joint::Hyphen, Joint::Space];
    let groups = match () {
        () if chain.lengths::<4>() == Some([4, 4, 4, 4]) && chain.joined(4, &joints) => 4,
        () if chain.lengths::<3>() == Some([4, 6, 5]) && chain.joined(3, &joints) => 3,
        () if matches!(chain.groups[0].len(), 14..=16) => 1,
        () => return None,
    };
    let digits = chain.digits(groups);
    let issued = match digits.len() {
        14 => digits[0] == 3,
        15 => digits[0] == 3 && matches!(digits[1], 4 | 7),
        // 9 is of Korean issuers.
        16 => matches!(digits[0], 2..=6 | 9),
        _ => false,
    };
    (issued && luhn(&digits)).then(|| chain.found(groups, Kind::Card, true))
}

/// Every second digit from the right is doubled, digits of the products are added; the sum ends in 0.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let from_right = digits.iter().rev().enumerate();
    let sum: u32 = from_right
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}
