//! The standard normal distribution.

use std::f64::consts::SQRT_2;

use libm::erfc;

/// `P(Z <= z)`, with its digits in the lower tail.
///
/// ```
/// assert_eq!(mlsys_stats::normal::cdf(0.0), 0.5);
/// ```
pub fn cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// The value with this probability below it: infinite at 0 and 1, NaN outside.
///
/// ```
/// assert!((mlsys_stats::normal::quantile(0.975) - 1.959963984540054).abs() < 1e-14);
/// ```
///
/// Michael Wichura, *Algorithm AS 241: The Percentage Points of the Normal Distribution*, Applied Statistics 37, 1988: to
/// sixteen digits.
pub fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&CENTRE, 0.180_625 - q * q);
    }
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return q.signum() * f64::INFINITY;
    }
    let r = (-tail.ln()).sqrt();
    q.signum() * if r <= 5.0 { ratio(&MIDDLE, r - 1.6) } else { ratio(&TAIL, r - 5.0) }
}

/// Two polynomials, highest power first.
type Ratio = [[f64; 8]; 2];

fn ratio(of: &Ratio, x: f64) -> f64 {
    let [above, below] = of.each_ref().map(|terms| terms.iter().fold(0.0, |sum, term| sum * x + term));
    above / below
}

const CENTRE: Ratio = [
    [
        2.509_080_928_730_122_7e3,
        3.343_057_558_358_813e4,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        1.373_169_376_550_946e4,
        1.971_590_950_306_551_3e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
];
const MIDDLE: Ratio = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];
const TAIL: Ratio = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        1.242_660_947_388_078_4e-3,
        2.653_218_952_657_612_4e-2,
        2.965_605_718_285_048_7e-1,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_8e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        7.868_691_311_456_133e-4,
        1.487_536_129_085_061_5e-2,
        1.369_298_809_227_358e-1,
        5.998_322_065_558_88e-1,
        1.0,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy 1.17.1: `norm.ppf`, `norm.cdf`.
    #[test]
    fn equals_scipy() {
        let cases = [
            (1e-300, -37.0470962993612, 6.667595656998793e-77),
            (1e-20, -9.262340089798409, 1.8180254433028167e-06),
            (1e-07, -5.1993375821928165, 0.004665688761595547),
            (0.001, -3.090232306167813, 0.061159085253862135),
            (0.02, -2.053748910631823, 0.15223979207298616),
            (0.07, -1.4757910281791706, 0.23028897258167724),
            (0.075, -1.4395314709384563, 0.2358346224921563),
            (0.3, -0.5244005127080409, 0.3965835278811944),
            (0.5, 0.0, 0.5),
            (0.6, 0.2533471031357997, 0.5504006100166172),
            (0.93, 1.475791028179171, 0.7697110274183228),
            (0.99, 2.3263478740408408, 0.8776205306540974),
            (0.9999999, 5.199337582290661, 0.9953343112390696),
        ];
        for (p, z, half) in cases {
            let close =
                |found: f64, expected: f64, digits: f64| (found - expected).abs() <= digits * expected.abs();
            assert!(close(quantile(p), z, 4e-15), "{p}: {} {z}", quantile(p));
            // In the tail the last digit of z is many of the probability's.
            assert!(close(cdf(z / 2.0), half, 1e-13), "{p}: {} {half}", cdf(z / 2.0));
        }
    }

    #[test]
    fn ends_are_infinite_and_beyond_is_nan() {
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(quantile(-0.1).is_nan() && quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
    }
}
