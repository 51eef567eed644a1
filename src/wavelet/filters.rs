//! Scaling filters of the orthonormal wavelets.
//!
//! The numbers are the standard tables (Daubechies, *Ten Lectures on Wavelets*, SIAM 1992, tables 6.1, 6.3 and 8.1)
//! at the precision that PyWavelets distributes; the tests hold every row to orthonormality and vanishing moments.

use std::f64::consts::FRAC_1_SQRT_2;

const HAAR_1910: &str = "Haar, Math. Ann. 69 (1910)";
const DAUBECHIES_1988: &str = "Daubechies, Comm. Pure Appl. Math. 41 (1988)";
const DAUBECHIES_1993: &str = "Daubechies, SIAM J. Math. Anal. 24 (1993)";

/// One orthonormal wavelet: a row of [`WAVELETS`].
#[derive(Debug)]
pub struct Wavelet {
    /// Short name by which [`Wavelet::find`] knows it, as in PyWavelets: `haar`, `db4`.
    pub name: &'static str,
    /// Family and number of vanishing moments, in words.
    pub summary: &'static str,
    /// Where the wavelet comes from.
    pub citation: &'static str,
    /// Number of vanishing moments of the wavelet.
    pub moments: usize,
    /// The synthesis low-pass filter; its sum is √2 and its energy 1.
    pub scaling: &'static [f64],
}

impl Wavelet {
    /// The row of [`WAVELETS`] of this name; `None` where there is none.
    pub fn find(name: &str) -> Option<&'static Wavelet> {
        WAVELETS.iter().find(|w| w.name == name)
    }

    /// Analysis low-pass filter: the scaling filter reversed.
    pub fn low(&self) -> Vec<f64> {
        self.scaling.iter().rev().copied().collect()
    }

    /// Analysis high-pass filter, the quadrature mirror of the low-pass.
    pub fn high(&self) -> Vec<f64> {
        let sign = |k: usize| if k.is_multiple_of(2) { -1.0 } else { 1.0 };
        self.scaling.iter().enumerate().map(|(k, tap)| sign(k) * tap).collect()
    }
}

/// The wavelets of this crate: Haar, Daubechies, symlets and coiflets.
pub const WAVELETS: &[Wavelet] = &[
    Wavelet {
        name: "haar",
        summary: "Haar",
        citation: HAAR_1910,
        moments: 1,
        scaling: &[FRAC_1_SQRT_2, FRAC_1_SQRT_2],
    },
    Wavelet {
        name: "db2",
        summary: "Daubechies, 2 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 2,
        scaling: &[
            0.48296291314453416,
            0.8365163037378079,
            0.2241438680420134,
            -0.12940952255126037,
        ],
    },
    Wavelet {
        name: "db3",
        summary: "Daubechies, 3 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 3,
        scaling: &[
            0.33267055295008263,
            0.8068915093110925,
            0.45987750211849154,
            -0.13501102001025458,
            -0.08544127388202666,
            0.03522629188570953,
        ],
    },
    Wavelet {
        name: "db4",
        summary: "Daubechies, 4 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 4,
        scaling: &[
            0.2303778133088965,
            0.7148465705529157,
            0.6308807679298589,
            -0.027983769416859854,
            -0.18703481171909309,
            0.030841381835560764,
            0.0328830116668852,
            -0.010597401785069032,
        ],
    },
    Wavelet {
        name: "db5",
        summary: "Daubechies, 5 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 5,
        scaling: &[
            0.16010239797419293,
            0.6038292697971896,
            0.7243085284377729,
            0.13842814590132074,
            -0.24229488706638203,
            -0.032244869584638375,
            0.07757149384004572,
            -0.006241490212798274,
            -0.012580751999081999,
            0.0033357252854737712,
        ],
    },
    Wavelet {
        name: "db6",
        summary: "Daubechies, 6 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 6,
        scaling: &[
            0.11154074335010947,
            0.49462389039845306,
            0.7511339080210954,
            0.31525035170919763,
            -0.22626469396543983,
            -0.12976686756726194,
            0.09750160558732304,
            0.027522865530305727,
            -0.03158203931748603,
            0.0005538422011614961,
            0.004777257510945511,
            -0.0010773010853084796,
        ],
    },
    Wavelet {
        name: "db7",
        summary: "Daubechies, 7 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 7,
        scaling: &[
            0.07785205408500918,
            0.3965393194819173,
            0.7291320908462351,
            0.4697822874051931,
            -0.14390600392856498,
            -0.22403618499387498,
            0.07130921926683026,
            0.08061260915108308,
            -0.03802993693501441,
            -0.01657454163066688,
            0.01255099855609984,
            0.0004295779729213665,
            -0.0018016407040474908,
            0.00035371379997452024,
        ],
    },
    Wavelet {
        name: "db8",
        summary: "Daubechies, 8 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 8,
        scaling: &[
            0.05441584224310401,
            0.31287159091429995,
            0.6756307362972898,
            0.5853546836542067,
            -0.015829105256349306,
            -0.2840155429615469,
            0.0004724845739132828,
            0.12874742662047847,
            -0.017369301001807547,
            -0.044088253930794755,
            0.013981027917398282,
            0.008746094047405777,
            -0.004870352993451574,
            -0.00039174037337694705,
            0.0006754494064505693,
            -0.00011747678412476953,
        ],
    },
    Wavelet {
        name: "db9",
        summary: "Daubechies, 9 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 9,
        scaling: &[
            0.038077947363878345,
            0.24383467461259034,
            0.6048231236901112,
            0.6572880780513005,
            0.13319738582500756,
            -0.2932737832791749,
            -0.09684078322297646,
            0.14854074933810638,
            0.03072568147933338,
            -0.06763282906132997,
            0.00025094711483145197,
            0.022361662123679096,
            -0.004723204757751397,
            -0.00428150368246343,
            0.0018476468830562265,
            0.00023038576352319597,
            -0.0002519631889427101,
            3.93473203162716e-05,
        ],
    },
    Wavelet {
        name: "db10",
        summary: "Daubechies, 10 vanishing moments",
        citation: DAUBECHIES_1988,
        moments: 10,
        scaling: &[
            0.026670057900555554,
            0.1881768000776915,
            0.5272011889317256,
            0.6884590394536035,
            0.2811723436605775,
            -0.24984642432731538,
            -0.19594627437737705,
            0.12736934033579325,
            0.09305736460357235,
            -0.07139414716639708,
            -0.029457536821875813,
            0.033212674059341,
            0.0036065535669561697,
            -0.010733175483330575,
            0.001395351747052901,
            0.001992405295185056,
            -0.0006858566949597116,
            -0.00011646685512928545,
            9.358867032006959e-05,
            -1.3264202894521244e-05,
        ],
    },
    Wavelet {
        name: "sym2",
        summary: "Symlet, 2 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 2,
        scaling: &[
            0.48296291314469025,
            0.836516303737469,
            0.22414386804185735,
            -0.12940952255092145,
        ],
    },
    Wavelet {
        name: "sym3",
        summary: "Symlet, 3 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 3,
        scaling: &[
            0.3326705529509569,
            0.8068915093133388,
            0.4598775021193313,
            -0.13501102001039084,
            -0.08544127388224149,
            0.035226291882100656,
        ],
    },
    Wavelet {
        name: "sym4",
        summary: "Symlet, 4 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 4,
        scaling: &[
            0.0322231006040427,
            -0.012603967262037833,
            -0.09921954357684722,
            0.29785779560527736,
            0.8037387518059161,
            0.49761866763201545,
            -0.02963552764599851,
            -0.07576571478927333,
        ],
    },
    Wavelet {
        name: "sym5",
        summary: "Symlet, 5 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 5,
        scaling: &[
            0.019538882735286728,
            -0.021101834024758855,
            -0.17532808990845047,
            0.01660210576452232,
            0.6339789634582119,
            0.7234076904024206,
            0.1993975339773936,
            -0.039134249302383094,
            0.029519490925774643,
            0.027333068345077982,
        ],
    },
    Wavelet {
        name: "sym6",
        summary: "Symlet, 6 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 6,
        scaling: &[
            -0.007800708325034148,
            0.0017677118642428036,
            0.04472490177066578,
            -0.021060292512300564,
            -0.07263752278646252,
            0.3379294217276218,
            0.787641141030194,
            0.4910559419267466,
            -0.048311742585633,
            -0.11799011114819057,
            0.0034907120842174702,
            0.015404109327027373,
        ],
    },
    Wavelet {
        name: "sym7",
        summary: "Symlet, 7 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 7,
        scaling: &[
            0.010268176708511255,
            0.004010244871533663,
            -0.10780823770381774,
            -0.14004724044296152,
            0.2886296317515146,
            0.767764317003164,
            0.5361019170917628,
            0.017441255086855827,
            -0.049552834937127255,
            0.0678926935013727,
            0.03051551316596357,
            -0.01263630340325193,
            -0.0010473848886829163,
            0.002681814568257878,
        ],
    },
    Wavelet {
        name: "sym8",
        summary: "Symlet, 8 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 8,
        scaling: &[
            0.0018899503327594609,
            -0.0003029205147213668,
            -0.01495225833704823,
            0.003808752013890615,
            0.049137179673607506,
            -0.027219029917056003,
            -0.05194583810770904,
            0.3644418948353314,
            0.7771857517005235,
            0.4813596512583722,
            -0.061273359067658524,
            -0.1432942383508097,
            0.007607487324917605,
            0.03169508781149298,
            -0.0005421323317911481,
            -0.0033824159510061256,
        ],
    },
    Wavelet {
        name: "sym9",
        summary: "Symlet, 9 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 9,
        scaling: &[
            0.0010694900329086053,
            -0.0004731544986800831,
            -0.010264064027633142,
            0.008859267493400484,
            0.06207778930288603,
            -0.018233770779395985,
            -0.19155083129728512,
            0.035272488035271894,
            0.6173384491409358,
            0.717897082764412,
            0.238760914607303,
            -0.05456895843083407,
            0.0005834627461258068,
            0.03022487885827568,
            -0.01152821020767923,
            -0.013271967781817119,
            0.0006197808889855868,
            0.0014009155259146807,
        ],
    },
    Wavelet {
        name: "sym10",
        summary: "Symlet, 10 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 10,
        scaling: &[
            -0.0004593294210046588,
            5.7036083618494284e-05,
            0.004593173585311828,
            -0.0008043589320165449,
            -0.02035493981231129,
            0.005764912033581909,
            0.04999497207737669,
            -0.0319900568824278,
            -0.03553674047381755,
            0.38382676106708546,
            0.7695100370211071,
            0.47169066693843925,
            -0.07088053578324385,
            -0.15949427888491757,
            0.011609893903711381,
            0.0459272392310922,
            -0.0014653825813050513,
            -0.008641299277022422,
            9.563267072289475e-05,
            0.0007701598091144901,
        ],
    },
    Wavelet {
        name: "coif1",
        summary: "Coiflet, 2 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 2,
        scaling: &[
            -0.07273261951252645,
            0.3378976624574818,
            0.8525720202116004,
            0.3848648468648578,
            -0.07273261951252645,
            -0.015655728135791993,
        ],
    },
    Wavelet {
        name: "coif2",
        summary: "Coiflet, 4 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 4,
        scaling: &[
            0.01638733646320364,
            -0.04146493678687178,
            -0.0673725547237256,
            0.3861100668227629,
            0.8127236354494135,
            0.4170051844232391,
            -0.07648859907828076,
            -0.05943441864643109,
            0.02368017194684777,
            0.005611434819368834,
            -0.0018232088709110323,
            -0.000720549445520347,
        ],
    },
    Wavelet {
        name: "coif3",
        summary: "Coiflet, 6 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 6,
        scaling: &[
            -0.003793512864380802,
            0.007782596425672746,
            0.023452696142077168,
            -0.06577191128146936,
            -0.06112339000297255,
            0.40517690240911824,
            0.7937772226260872,
            0.42848347637737,
            -0.07179982161915484,
            -0.08230192710629983,
            0.03455502757329774,
            0.015880544863669452,
            -0.009007976136730624,
            -0.0025745176881367972,
            0.0011175187708306303,
            0.0004662169598204029,
            -7.0983302506379e-05,
            -3.459977319727278e-05,
        ],
    },
    Wavelet {
        name: "coif4",
        summary: "Coiflet, 8 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 8,
        scaling: &[
            0.000892313902537003,
            -0.001629492425226786,
            -0.007346167936268051,
            0.01606894713157503,
            0.02668230466960483,
            -0.08126671024919373,
            -0.05607731960356926,
            0.41530842700068227,
            0.7822389344242826,
            0.43438603311435653,
            -0.06662747236681717,
            -0.09622042453595264,
            0.03933442260558915,
            0.02508225333794961,
            -0.015211728187697211,
            -0.0056582838001308835,
            0.0037514346971460866,
            0.0012665610789256603,
            -0.0005890202246332165,
            -0.0002599743371222568,
            6.233885431278719e-05,
            3.1229861599195265e-05,
            -3.259647940030751e-06,
            -1.7849909144933469e-06,
        ],
    },
    Wavelet {
        name: "coif5",
        summary: "Coiflet, 10 vanishing moments",
        citation: DAUBECHIES_1993,
        moments: 10,
        scaling: &[
            -0.000212081862067494,
            0.0003585777411617577,
            0.0021782943778456947,
            -0.00415931262757864,
            -0.010131584846900276,
            0.023408322118927783,
            0.028169744270532353,
            -0.09192158806008609,
            -0.052046670253554764,
            0.42157126673075435,
            0.7742936228603274,
            0.4379823066591634,
            -0.06203775157498196,
            -0.10556315130733723,
            0.041287530472117834,
            0.032674799467057355,
            -0.019758391600965465,
            -0.009159507338676163,
            0.006761520220620417,
            0.0024315754425382886,
            -0.0016616273039298788,
            -0.0006375589261258812,
            0.0003018579416682448,
            0.00014035632812373243,
            -4.12198619242655e-05,
            -2.1270221672515614e-05,
            3.7007277113394796e-06,
            2.0612203985788783e-06,
            -1.6237995172048338e-07,
            -9.604010112767894e-08,
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_orthonormal_with_its_vanishing_moments() {
        for wavelet in WAVELETS {
            let (low, high) = (wavelet.low(), wavelet.high());
            let n = low.len();
            let dot =
                |a: &[f64], b: &[f64], shift: usize| -> f64 { a[shift..].iter().zip(b).map(|(x, y)| x * y).sum() };
            for shift in (0..n).step_by(2) {
                let unit = if shift == 0 { 1.0 } else { 0.0 };
                assert!(
                    (dot(&low, &low, shift) - unit).abs() < 1e-10,
                    "{} low {shift}",
                    wavelet.name
                );
                assert!(
                    (dot(&high, &high, shift) - unit).abs() < 1e-10,
                    "{} high {shift}",
                    wavelet.name
                );
                assert!(dot(&low, &high, shift).abs() < 1e-10, "{} cross {shift}", wavelet.name);
                assert!(dot(&high, &low, shift).abs() < 1e-10, "{} cross {shift}", wavelet.name);
            }
            for moment in 0..wavelet.moments {
                let terms = high
                    .iter()
                    .enumerate()
                    .map(|(k, tap)| tap * (k as f64 / n as f64).powi(moment as i32));
                let sum: f64 = terms.sum();
                assert!(sum.abs() < 1e-7, "{} moment {moment}: {sum:e}", wavelet.name);
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for (i, wavelet) in WAVELETS.iter().enumerate() {
            assert!(WAVELETS[..i].iter().all(|other| other.name != wavelet.name));
        }
        assert!(Wavelet::find("db4").is_some() && Wavelet::find("db44").is_none());
    }
}
