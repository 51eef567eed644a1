//! A bench from plan to results: first the searches for λ, then every contender on every case, in turn and one at a
//! time, so that their times compare.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::run::PreparedCase;
use super::shared_lambda::shared_lambda;
use super::store::Store;
use super::{
    Case, CaseImages, CaseRecord, Common, Contender, ContenderRecord, Results, SensitivityRecord, Weight, peers,
};
use pvdamp::reconstruct::lambda_curve;
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::Scan;
use pvdamp_io::recon::{Machine, ScanReconstruction, ScanSetup};

/// Lattice points of a λ-sensitivity curve on both sides of the best: a decade from wherever between them that is.
const REACH: i32 = 5;
/// Runs that a search takes, about.
const SEARCH: u64 = 15;

/// What is to be compared.
pub struct Bench {
    pub folder: PathBuf,
    pub cases: Vec<Case>,
    pub contenders: Vec<Contender>,
    pub common: Common,
    /// What has to be said about the plan.
    pub notes: Vec<String>,
}

/// Hears how far it is.
pub trait Listener {
    /// Work in all, and how much of that was found done. The unit is arbitrary.
    fn planned(&mut self, work: u64, done: u64);
    fn did(&mut self, work: u64, what: &str);
    fn say(&mut self, what: &str);
    /// `Break` to stop; what is done is kept.
    fn going(&mut self) -> ControlFlow<()>;
}

impl Bench {
    /// Runs what is not done yet; the results, and the pictures of the first case of each group.
    ///
    /// Errors: [`Error::Interrupted`] when the listener broke off, scans that cannot be read, a folder that cannot be
    /// written.
    pub fn run(&self, listener: &mut dyn Listener) -> Result<(Results, Vec<CaseImages>)> {
        let machine = Machine::this();
        let (mut store, note) = Store::open(&self.folder, &machine, &self.cases)?;
        if let Some(note) = note {
            listener.say(&note);
        }
        let shown = self.shown_cases();
        let known = Known {
            shared: self.shared_lambdas(&store),
            shown: &shown,
        };
        self.announce(&store, &known, listener);
        for case in &self.cases {
            self.search(case, &mut store, listener)?;
        }
        let known = Known {
            shared: self.shared_lambdas(&store),
            shown: &shown,
        };
        for case in &self.cases {
            self.run_case(case, &known, &mut store, listener)?;
        }
        self.gather(machine, &store, &shown)
    }

    /// The cases with pictures: of each slice and sampling the first at the highest acceleration, where methods differ
    /// most. Pictures of all would make a page that no browser likes.
    fn shown_cases(&self) -> HashSet<&str> {
        let mut shown: Vec<&CaseRecord> = Vec::new();
        for record in self.cases.iter().map(|case| &case.record) {
            let kind = |r: &CaseRecord| (r.scan.clone(), r.slice, r.sampling.clone());
            match shown.iter_mut().find(|other| kind(other) == kind(record)) {
                Some(other) if record.acceleration > other.acceleration => *other = record,
                Some(_) => {}
                None => shown.push(record),
            }
        }
        shown.iter().map(|record| record.id.as_str()).collect()
    }

    fn announce(&self, store: &Store, known: &Known, listener: &mut dyn Listener) {
        let (mut work, mut done) = (0, 0);
        let mut count = |this: u64, is_done: bool| {
            work += this;
            done += if is_done { this } else { 0 };
        };
        for case in &self.cases {
            for base in self.searched(case) {
                let is_done = store.curves.contains_key(&key(case, &base));
                count(SEARCH * work_of(case, &base), is_done);
            }
            for contender in self.runs_on(case) {
                count(work_of(case, contender), self.is_done(case, contender, store, known));
            }
        }
        listener.planned(work, done);
    }

    /// The contenders whose λ curve this case is for, each once.
    fn searched(&self, case: &Case) -> Vec<Contender> {
        let mut bases: Vec<Contender> = Vec::new();
        for contender in self
            .contenders
            .iter()
            .filter(|c| case.record.reference && c.needs_reference())
        {
            let base = contender.with_optimal_weight();
            if bases.iter().all(|known| known.id != base.id) {
                bases.push(base);
            }
        }
        bases
    }

    /// The contenders that can be run on this case.
    fn runs_on<'a>(&'a self, case: &'a Case) -> impl Iterator<Item = &'a Contender> {
        let able = |c: &&Contender| case.record.reference || !c.needs_reference();
        self.contenders.iter().filter(able)
    }

    fn search(&self, case: &Case, store: &mut Store, listener: &mut dyn Listener) -> Result<()> {
        let mut bases = self.searched(case);
        bases.retain(|base| !store.curves.contains_key(&key(case, base)));
        if bases.is_empty() {
            return Ok(());
        }
        store.begin(case)?;
        self.with_prepared_case(case, &mut |prepared_case| {
            for base in &bases {
                let tuning = base.tuning(&prepared_case.tuning(), 0.0);
                let limits = base.limits(&prepared_case.prepared.sampling.known(), &tuning);
                let curve = lambda_curve(
                    prepared_case.prepared,
                    base.method,
                    &tuning,
                    limits,
                    REACH,
                    &mut |_, _| listener.going(),
                )?;
                let best = curve.as_ref().and_then(|curve| curve.best());
                let mut what = format!("{}: {} has no best λ", case.record.id, base.id);
                if let (Some(curve), Some((lambda, _))) = (curve, best) {
                    what = format!("{}: {} is best at λ = {lambda:.4}", case.record.id, base.id);
                    store.add_curve(SensitivityRecord {
                        case: case.record.id.clone(),
                        contender: base.id.clone(),
                        lambda,
                        points: curve.points.into_iter().filter(|p| p.1.is_finite()).collect(),
                    })?;
                }
                listener.did(SEARCH * work_of(case, base), &what);
            }
            Ok(())
        })
    }

    /// Whether a run is there, with the λ it has to have, and its pictures where they are wanted.
    fn is_done(&self, case: &Case, contender: &Contender, store: &Store, known: &Known) -> bool {
        let id = case.record.id.as_str();
        let Some(run) = store.runs.get(&key(case, contender)) else {
            return false;
        };
        let lambda = known.lambda(case, contender, store);
        let same = lambda.is_some_and(|lambda| run.lambda == contender.recorded(lambda));
        same && (!known.shown.contains(id) || store.has_pictures(id, &contender.id))
    }

    fn run_case(&self, case: &Case, known: &Known, store: &mut Store, listener: &mut dyn Listener) -> Result<()> {
        let id = &case.record.id;
        let mut left: Vec<&Contender> = self.runs_on(case).collect();
        left.retain(|contender| !self.is_done(case, contender, store, known));
        let shown = known.shown.contains(id.as_str());
        let lacks_reference = shown && case.record.reference && !store.has_reference(id);
        if left.is_empty() && !lacks_reference {
            return Ok(());
        }
        store.begin(case)?;
        self.with_prepared_case(case, &mut |prepared_case| {
            for warning in prepared_case.warnings() {
                listener.say(&format!("{id}: {warning}"));
            }
            if let (true, Some(metrics)) = (shown, &prepared_case.reference_metrics) {
                store.write_reference(id, &prepared_case.unscaled(&metrics.reference))?;
            }
            for contender in &left {
                // Without a best λ, as for a slice without an object, there is nothing to run.
                let Some(lambda) = known.lambda(case, contender, store) else {
                    continue;
                };
                let outcome = prepared_case.run(contender, lambda, shown, &mut || listener.going())?;
                let nmse = outcome.record.metrics.and_then(|m| m.nmse_object_db);
                let found = nmse.map_or(String::new(), |nmse| format!("{nmse:.2} dB in "));
                let what = format!("{id}: {} {found}{:.2} s", contender.id, outcome.record.seconds);
                store.add_run(outcome, shown)?;
                listener.did(work_of(case, contender), &what);
            }
            Ok(())
        })
    }

    /// The λ of least mean error over the curves that are there, for each method that wants one, by its base.
    fn shared_lambdas(&self, store: &Store) -> HashMap<String, f64> {
        let wanting = self.contenders.iter().filter(|c| c.weight == Weight::Shared);
        let bases = wanting.map(Contender::with_optimal_weight);
        let of_base = |base: Contender| {
            let curves = self.cases.iter().filter_map(|case| store.curves.get(&key(case, &base)));
            let lambda = shared_lambda(&curves.collect::<Vec<_>>())?;
            Some((base.id, lambda))
        };
        bases.filter_map(of_base).collect()
    }

    /// Poses the problem of a case and hands it on.
    fn with_prepared_case(&self, case: &Case, work: &mut dyn FnMut(&PreparedCase) -> Result<()>) -> Result<()> {
        let scan = Arc::new(Scan::open(&case.path, &self.common.scan)?);
        let reconstruction = ScanReconstruction::settle(ScanSetup::new(&scan, &case.settings)?, &mut ())?;
        let slice = case.record.slice;
        let prepared = reconstruction.prepare(slice)?.ok_or_else(|| {
            let problem = format!("slice {slice} is all zero");
            Error::data(scan.place().clone(), problem, "choose another with --slices")
        })?;
        work(&PreparedCase::new(&case.record.id, &reconstruction, &prepared))
    }

    /// All that the store holds of this plan, with the results of other programs.
    fn gather(&self, machine: Machine, store: &Store, shown: &HashSet<&str>) -> Result<(Results, Vec<CaseImages>)> {
        let mut results = Results {
            version: env!("CARGO_PKG_VERSION").into(),
            machine,
            contenders: self.contenders.iter().map(Contender::record).collect(),
            cases: self.cases.iter().map(|case| case.record.clone()).collect(),
            notes: self.notes.clone(),
            ..Results::default()
        };
        let ids: Vec<String> = self.contenders.iter().map(|c| c.id.clone()).collect();
        let mut pictures = Vec::new();
        for case in &self.cases {
            let id = &case.record.id;
            for contender in &self.contenders {
                results.runs.extend(store.runs.get(&key(case, contender)).cloned());
                results
                    .evolutions
                    .extend(store.evolutions.get(&key(case, contender)).cloned());
                results
                    .calibrations
                    .extend(store.calibrations.get(&key(case, contender)).cloned());
            }
            for base in self.searched(case) {
                results
                    .sensitivities
                    .extend(store.curves.get(&key(case, &base)).cloned());
            }
            if shown.contains(id.as_str()) {
                pictures.push(store.case_images(id, &ids)?);
            }
        }
        let peers = peers::contenders(&self.folder)?;
        if let Some(twin) = peers.iter().find(|peer| ids.contains(&peer.id)) {
            let path = self.folder.join("peers").join(&twin.id);
            let problem = "has the name of a method of this program";
            return Err(Error::data(
                path.as_path(),
                problem,
                "give the folder the name of the other program",
            ));
        }
        for case in self.cases.iter().filter(|case| case.record.reference) {
            let picture = pictures.iter_mut().find(|shown| shown.case == case.record.id);
            self.add_peers(case, &peers, &mut results, picture)?;
        }
        results.contenders.extend(peers);
        Ok((results, pictures))
    }

    fn add_peers(
        &self,
        case: &Case,
        peers: &[ContenderRecord],
        results: &mut Results,
        mut picture: Option<&mut CaseImages>,
    ) -> Result<()> {
        let path = |peer: &ContenderRecord| peers::path(&self.folder, &peer.id, &case.record.id);
        let there: Vec<&ContenderRecord> = peers.iter().filter(|peer| path(peer).is_file()).collect();
        if there.is_empty() {
            return Ok(());
        }
        self.with_prepared_case(case, &mut |prepared_case| {
            for peer in &there {
                let result = peers::evaluate(&path(peer), &peer.id, &case.record, prepared_case)?;
                results.runs.push(result.record);
                results.sensitivities.extend(result.sensitivity);
                if let Some(picture) = picture.as_deref_mut() {
                    picture.images.push((peer.id.clone(), result.image));
                }
            }
            Ok(())
        })
    }
}

/// What holds for all cases.
struct Known<'a> {
    /// λ of least mean error, by the id of the method with its optimal λ.
    shared: HashMap<String, f64>,
    /// Ids of the cases with pictures.
    shown: &'a HashSet<&'a str>,
}

impl Known<'_> {
    /// The λ that a contender has on a case; `None` while it has not been found.
    fn lambda(&self, case: &Case, contender: &Contender, store: &Store) -> Option<f64> {
        let base = contender.with_optimal_weight();
        match contender.weight {
            Weight::Fixed(lambda) => Some(lambda),
            Weight::Optimal => store.curves.get(&key(case, &base)).map(|curve| curve.lambda),
            Weight::Shared => self.shared.get(&base.id).copied(),
        }
    }
}

fn key(case: &Case, contender: &Contender) -> (String, String) {
    (case.record.id.clone(), contender.id.clone())
}

/// About in proportion to the time it takes.
fn work_of(case: &Case, contender: &Contender) -> u64 {
    let record = &case.record;
    (contender.iterations() * record.rows * record.cols * record.coils / 1000).max(1) as u64
}
