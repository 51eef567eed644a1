use ndarray::{Array2, Array3, Array4, Axis};
use num_complex::Complex;
use pvdamp::array::{Grid, ImageSets, Mask};
use pvdamp::coil::{EspiritSettings, espirit};
use pvdamp::sampling::{Family, Request, sampled_centre};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::solve::*;
use pvdamp::wavelet::{Pyramid, Wavelet};
use std::ops::ControlFlow;
use std::path::Path;
type C = Complex<f32>;
const DATA: &str = "/work/shared/data";
fn kspace(file: &str) -> Array3<C> {
    let f = hdf5::File::open(Path::new(DATA).join(file)).unwrap();
    let k: Array4<C> = f.dataset("kspace").unwrap().read().unwrap();
    let k = k.index_axis_move(Axis(0), 0);
    let peak = k.iter().map(|v| v.norm()).fold(0f32, f32::max);
    k.mapv(|v| v / peak)
}
fn golden_maps() -> Array4<C> {
    let f = hdf5::File::open(Path::new(DATA).join("golden_bern_r5.h5")).unwrap();
    let k: Array3<C> = f.dataset("smaps").unwrap().read().unwrap();
    k.insert_axis(Axis(0))
}
fn golden_mask(case: &str) -> (Mask, Array2<f64>) {
    let f = hdf5::File::open(Path::new(DATA).join("masks_256x256.h5")).unwrap();
    let m: Array2<u8> = f.dataset(&format!("{case}/mask")).unwrap().read_2d().unwrap();
    let p: Array2<f64> = f.dataset(&format!("{case}/prob_map")).unwrap().read_2d().unwrap();
    (Mask::new(m.map(|&m| m != 0)), p)
}
fn scan(name: &str) -> Array3<C> {
    match name {
        "brain" => kspace("brain8_pvdamp.h5"),
        "head" => kspace("head1_larson_t1sag.h5"),
        "bottle" => kspace("phantom2_siemens_gre.h5"),
        _ => {
            let mut part = name.trim_start_matches("sim").split('_');
            let seed: u64 = part.next().unwrap().parse().unwrap();
            let noise = part.next().map_or(0.005, |v| v.parse().unwrap());
            let s = SimulationSettings {
                grid: Grid::new(256, 256),
                coils: 8,
                slices: 1,
                noise,
                seed,
            };
            simulate_slice(&s, 0).unwrap().kspace
        }
    }
}
struct Case {
    name: String,
    problem: std::sync::Arc<Problem<f32>>,
    x0: ImageSets<f32>,
}
fn case(name: &str) -> Case {
    // scan:maps:family:R:seed, or golden:case
    let w: Vec<&str> = name.split(':').collect();
    let k = scan(w[0]);
    let (coils, rows, cols) = k.dim();
    let grid = Grid::new(rows, cols);
    let (mask, p) = match w[2] {
        "bern_r5" | "bern_r10" | "pd_r5" | "pd_r10" => golden_mask(w[2]),
        f => {
            let family = match f {
                "b" => "bernoulli",
                "p" => "poisson-disc",
                "l" => "lines-random",
                "e" => "lines-equispaced",
                _ => panic!(),
            };
            let acs = if f == "b" || f == "p" {
                Some(pvdamp::sampling::Acs::Side(24))
            } else {
                None
            };
            let r = Request {
                acceleration: w[3].parse().unwrap(),
                acs: acs,
                order: None,
                seed: w[4].parse().unwrap(),
            };
            let d = Family::find(family).unwrap().draw(&r, grid).unwrap();
            (d.mask, d.probability)
        }
    };
    let maps = match w[1] {
        "g" => golden_maps(),
        _ => {
            let mut u = k.clone();
            for mut c in u.outer_iter_mut() {
                ndarray::Zip::from(&mut c).and(&mask.sampled).for_each(|v, &m| {
                    if !m {
                        *v = C::new(0., 0.)
                    }
                });
            }
            espirit(u.view(), sampled_centre(&mask), &EspiritSettings::default(), None)
                .unwrap()
                .0
        }
    };
    let noise = if w[1] == "g" || std::env::var("NONOISE").is_ok() {
        Array2::zeros((coils, coils))
    } else {
        pvdamp::coil::estimate_noise(k.view(), &mask).covariance
    };
    if std::env::var("SHOW").is_ok() {
        println!("noise {:.5}", noise[[0, 0]].re.sqrt());
    }
    let problem = Problem::new(k.view(), &mask, &p, maps, noise)
        .unwrap()
        .with_reference(k.view())
        .unwrap();
    let mut x0 = problem.reference.clone().unwrap();
    if std::env::var("TRUTH").is_ok() && w[0].starts_with("sim") {
        let clean = scan(&format!("{}_0", w[0].split('_').next().unwrap()));
        x0 = problem.encoding.combine_full(clean.view());
    }
    Case {
        name: name.into(),
        problem: std::sync::Arc::new(problem),
        x0,
    }
}
fn nmse(x: &ImageSets<f32>, x0: &ImageSets<f32>) -> f64 {
    let peak = x0.iter().map(|v| v.norm()).fold(0f32, f32::max);
    let (mut e, mut p) = (0.0, 0.0);
    for (a, b) in x.iter().zip(x0) {
        if b.norm() > peak / 20.0 {
            e += f64::from((a - b).norm_sqr());
            p += f64::from(b.norm_sqr());
        }
    }
    10.0 * (e / p).log10()
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let methods: Vec<&str> = args[0].split(',').collect();
    let bands = std::env::var("BANDS").is_ok();
    for name in &args[1..] {
        let c = case(name);
        for m in &methods {
            let mut w = m.split('@');
            let method = Method::find(w.next().unwrap()).unwrap();
            let lambda = w.next().map_or(0.0, |v| v.parse().unwrap());
            let tuning = Tuning {
                wavelet: Wavelet::find("db4").unwrap(),
                lambda: Lambda::Value(lambda),
                shift: Some(std::env::var("SEED").map_or(1, |v| v.parse().unwrap())),
                iterations: std::env::var("T").ok().map(|v| v.parse().unwrap()),
                ..Tuning::default()
            };
            let mut solver = method.solver(&c.problem, &tuning);
            let mut ratios = Vec::new();
            let mut lines = Vec::new();
            let mut best = (0.0f64, 0);
            let limits = Limits {
                iterations: method.iterations_on(&c.problem.encoding.mask(), &tuning),
                time: None,
            };
            let mut track = |i: usize, s: &dyn Solver<f32>, mean: &mut Vec<String>| {
                if ![0, 1, 2, 4, 9, 10, 14, 19, 29].contains(&i) {
                    return;
                }
                let Some(t) = s.tracked() else { return };
                let diff = t.estimate - &c.x0;
                let mut e = Pyramid::filled(&t.transform.layout, C::new(0., 0.));
                t.transform
                    .analyse(diff.index_axis(Axis(0), 0), &mut e, &mut t.transform.workspace());
                let (mut pt, mut tt) = (0.0, 0.0);
                let mut of = String::new();
                for b in 0..t.transform.layout.bands.len() {
                    let p: f64 = t.variance[0].band(b).iter().map(|&v| f64::from(v)).sum();
                    let q: f64 = e.band(b).iter().map(|v| f64::from(v.norm_sqr())).sum();
                    pt += p;
                    tt += q;
                    of += &format!(" {}:{:.2}", t.transform.layout.bands[b].name(), p / q);
                }
                mean.push(format!("{:.2}", pt / tt));
                if bands {
                    lines.push(format!("   it {i}:{of}"));
                }
            };
            track(0, solver.as_ref(), &mut ratios);
            let mut i = 0;
            let curve = std::env::var("CURVE").is_ok();
            let h = drive(solver.as_mut(), limits, &mut |_, s| {
                i += 1;
                track(i, s, &mut ratios);
                if curve {
                    let v = nmse(&s.image(), &c.x0);
                    if v < best.0 {
                        best = (v, i)
                    }
                    print!("{v:.2} ");
                }
                ControlFlow::Continue(())
            })
            .unwrap();
            if curve {
                println!();
            }
            let r = solver.unbiased().map_or(0.0, |r| nmse(&r, &c.x0));
            println!(
                "{:28} {:18} {:7.2}  r {:6.2}  {:?} {} {:.2} ms/it  tau/true {}",
                c.name,
                m,
                nmse(&solver.image(), &c.x0),
                r,
                h.stop,
                h.kept,
                1e3 * h.seconds / h.iterations.len() as f64,
                ratios.join(" ")
            );
            for l in lines {
                println!("{l}");
            }
        }
    }
}
