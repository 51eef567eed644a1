//! Access to results by case and contender.

use std::collections::HashMap;

use crate::compare::{CaseRecord, ContenderRecord, Results, RunMetrics, RunRecord};
use crate::report::number::{joined_with_and, short};

/// Reads a number from a run; `None` if it is missing.
pub type Figure = fn(&RunRecord) -> Option<f64>;

pub struct View<'a> {
    pub results: &'a Results,
    /// Contenders on record, then those that occur only in runs.
    pub contenders: Vec<ContenderRecord>,
    pub groups: Vec<Group<'a>>,
    runs: HashMap<(&'a str, &'a str), &'a RunRecord>,
}

/// Cases that differ only in their seed.
pub struct Group<'a> {
    pub name: &'a str,
    /// Not empty.
    pub cases: Vec<&'a CaseRecord>,
}

impl<'a> View<'a> {
    pub fn new(results: &'a Results) -> Self {
        let mut runs = HashMap::new();
        let mut contenders = results.contenders.clone();
        for run in &results.runs {
            runs.entry((run.case.as_str(), run.contender.as_str())).or_insert(run);
            if contenders.iter().all(|c| c.id != run.contender) {
                contenders.push(ContenderRecord {
                    id: run.contender.clone(),
                    label: run.contender.clone(),
                    program: String::new(),
                    oracle: String::new(),
                    timed: String::new(),
                });
            }
        }
        let mut groups: Vec<Group> = Vec::new();
        for case in &results.cases {
            match groups.iter_mut().find(|group| group.name == case.group) {
                Some(group) => group.cases.push(case),
                None => groups.push(Group {
                    name: &case.group,
                    cases: vec![case],
                }),
            }
        }
        Self {
            results,
            contenders,
            groups,
            runs,
        }
    }

    pub fn run(&self, case: &str, contender: &str) -> Option<&'a RunRecord> {
        self.runs.get(&(case, contender)).copied()
    }

    pub fn case(&self, id: &str) -> Option<&'a CaseRecord> {
        self.results.cases.iter().find(|case| case.id == id)
    }

    /// Index of a contender's series in plots.
    pub fn series(&self, contender: &str) -> usize {
        let index = self.contenders.iter().position(|c| c.id == contender);
        index.unwrap_or(self.contenders.len())
    }

    /// Label for tables, with a dagger if the contender used the reference.
    pub fn label(&self, contender: &str) -> String {
        let found = self.contenders.iter().find(|c| c.id == contender);
        found.map_or_else(|| contender.to_string(), label_with_dagger)
    }

    /// A figure of a contender's runs over `cases`, without missing values.
    pub fn figures(&self, contender: &str, cases: &[&CaseRecord], figure: Figure) -> Vec<f64> {
        let of = |case: &&CaseRecord| figure(self.run(&case.id, contender)?);
        cases.iter().filter_map(of).filter(|f| !f.is_nan()).collect()
    }

    /// The `cases` in which any contender has the figure.
    pub fn measured<'c>(&self, cases: &[&'c CaseRecord], figure: Figure) -> Vec<&'c CaseRecord> {
        let has = |case: &CaseRecord| {
            let mut figures = self.contenders.iter().map(|c| self.figures(&c.id, &[case], figure));
            figures.any(|figures| !figures.is_empty())
        };
        cases.iter().copied().filter(|case| has(case)).collect()
    }

    pub fn cases(&self) -> Vec<&'a CaseRecord> {
        self.groups
            .iter()
            .flat_map(|group| group.cases.iter().copied())
            .collect()
    }
}

impl Group<'_> {
    /// Scan, slice, sampling and R.
    pub fn title(&self) -> String {
        let first = self.cases[0];
        format!("{}: {}", slice_title(first), sampling_title(first))
    }
}

pub fn slice_title(case: &CaseRecord) -> String {
    format!("{}, slice {}", case.scan, case.slice)
}

pub fn sampling_title(case: &CaseRecord) -> String {
    // "R = 4" stays on one line
    format!("{}, R\u{a0}=\u{a0}{}", case.sampling, short(case.acceleration))
}

/// Title of a case, with its seed if it has one.
pub fn case_title(case: &CaseRecord) -> String {
    let seed = case.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
    format!("{}: {}{seed}", slice_title(case), sampling_title(case))
}

/// The seed of a case as a sentence.
pub fn seed_title(case: &CaseRecord) -> String {
    case.seed.map_or_else(String::new, |seed| format!("Seed {seed}."))
}

pub fn label_with_dagger(contender: &ContenderRecord) -> String {
    let dagger = if contender.oracle.is_empty() { "" } else { "†" };
    format!("{}{dagger}", contender.label)
}

fn metric(run: &RunRecord, figure: fn(&RunMetrics) -> Option<f64>) -> Option<f64> {
    figure(run.metrics.as_ref()?)
}

pub fn nmse_object(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.nmse_object_db)
}

pub fn nmse(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.nmse_db)
}

pub fn psnr(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.psnr_db)
}

pub fn ssim(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.ssim)
}

pub fn hfen(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.hfen_db)
}

/// Numbers of threads that the runs used. Those of other programs may differ.
pub fn threads(view: &View) -> String {
    let mut used: Vec<usize> = view.results.runs.iter().map(|run| run.threads).collect();
    used.sort_unstable();
    used.dedup();
    if used.is_empty() {
        used.push(view.results.machine.threads);
    }
    joined_with_and(&used.iter().map(ToString::to_string).collect::<Vec<_>>())
}
