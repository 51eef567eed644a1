//! The introduction of the page: the outcome in words, and what was compared.

use maud::{Markup, html};

use super::view::{View, label_with_dagger, nmse_object, sampling_title, threads};
use crate::compare::{CaseRecord, ContenderRecord};
use crate::report::number::{Spread, capitalised, counted, decibels, distinct};

pub fn introduction(view: &View) -> Markup {
    let results = view.results;
    let machine = &results.machine;
    let processor = if machine.processor.is_empty() {
        "not recorded"
    } else {
        &machine.processor
    };
    html! {
        p.lead { (scope(view)) " " (outcome(view)) }
        dl.facts {
            dt { "Program" } dd { "pvdamp " (results.version) }
            dt { "Processor" } dd { (processor) ", " (counted(machine.cores, "core")) }
            dt { "Threads" } dd { (threads(view)) }
            @if !view.contenders.is_empty() {
                dt { "Methods" }
                dd { (view.contenders.iter().map(label_with_dagger).collect::<Vec<_>>().join("; ")) }
            }
            @if !view.groups.is_empty() { dt { "Sampling" } dd { (samplings(view)) } }
        }
        @let notes = notes(view);
        @if !notes.is_empty() {
            p { "What is missing or was left out:" }
            ul.notes { @for note in &notes { li { (note) } } }
        }
    }
}

fn samplings(view: &View) -> String {
    let titles = view.groups.iter().map(|group| sampling_title(group.cases[0]));
    distinct(titles).join("; ")
}

/// Numbers of methods, slices, samplings and cases.
fn scope(view: &View) -> String {
    let results = view.results;
    if results.runs.is_empty() {
        return "No run is on record: there is nothing to compare.".into();
    }
    let scans = distinct(results.cases.iter().map(|case| &case.scan)).len();
    let slices = distinct(results.cases.iter().map(|case| (&case.scan, case.slice))).len();
    let seeds = distinct(results.cases.iter().filter_map(|case| case.seed)).len();
    let seeds = match seeds {
        0 => String::new(),
        n => format!(" with {}", counted(n, "seed")),
    };
    let samplings = distinct(view.groups.iter().map(|group| sampling_title(group.cases[0]))).len();
    let scope = format!(
        "{} on {} of {}, undersampled in {}{seeds}: {} in all.",
        counted(view.contenders.len(), "method"),
        counted(slices, "slice"),
        counted(scans, "scan"),
        counted(samplings, "way"),
        counted(results.cases.len(), "case"),
    );
    capitalised(&scope)
}

/// A contender with NMSE (object) on every case where any contender has it.
struct RankedContender<'a> {
    contender: &'a ContenderRecord,
    mean: f64,
    figures: Vec<f64>,
}

/// Best first. Contenders that lack a case are left out, because means over different cases cannot be compared.
fn ranking<'a>(view: &'a View, cases: &[&CaseRecord]) -> Vec<RankedContender<'a>> {
    let ranked = |contender: &'a ContenderRecord| {
        let figures = view.figures(&contender.id, cases, nmse_object);
        let mean = Spread::of(figures.iter().copied())?.mean;
        (figures.len() == cases.len()).then_some(RankedContender {
            contender,
            mean,
            figures,
        })
    };
    let mut ranking: Vec<RankedContender> = view.contenders.iter().filter_map(ranked).collect();
    ranking.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    ranking
}

/// Which method is best, and by how much.
fn outcome(view: &View) -> String {
    if view.results.runs.is_empty() {
        return String::new();
    }
    let cases = view.measured(&view.cases(), nmse_object);
    if cases.is_empty() {
        return "Without a fully sampled reference no error can be measured, and no method is called better than \
                another."
            .into();
    }
    let ranking = ranking(view, &cases);
    let non_oracles: Vec<&RankedContender> = ranking.iter().filter(|p| p.contender.oracle.is_empty()).collect();
    let Some(best) = non_oracles.first() else {
        return "No method that uses only what a user has was measured on every case with a reference, so none is \
                called best."
            .into();
    };
    let others = non_oracles.get(1).map_or(".".into(), |next| against_next(best, next));
    let sentences = [
        format!(
            "Of the methods that use nothing a user lacks, {} has the lowest mean error on the object: NMSE {} dB over \
             {}{others}",
            best.contender.label,
            decibels(best.mean),
            counted(cases.len(), "case"),
        ),
        groups_won(view, best.contender),
        own_method(best, &non_oracles),
        against_oracle(best, &ranking),
    ];
    sentences
        .into_iter()
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn against_next(best: &RankedContender, next: &RankedContender) -> String {
    let differences = best.figures.iter().zip(&next.figures).map(|(b, n)| n - b);
    let Some(difference) = Spread::of(differences) else {
        return format!(", level with {}.", next.contender.label);
    };
    if decibels(difference.mean) == decibels(0.0) {
        return format!(", level with {}.", next.contender.label);
    }
    let spread = difference
        .sd
        .map(|sd| format!(" (± {} dB over cases)", decibels(sd)))
        .unwrap_or_default();
    let caveat = if difference.sd.is_some_and(|sd| sd > difference.mean.abs()) {
        "; the difference is smaller than its spread over cases"
    } else {
        ""
    };
    format!(
        ", {} dB{spread} below the next, {}{caveat}.",
        decibels(difference.mean),
        next.contender.label
    )
}

/// In how many groups it is the best of the methods that use nothing from the reference.
fn groups_won(view: &View, best: &ContenderRecord) -> String {
    let ranks = view
        .groups
        .iter()
        .filter_map(|group| super::tables::ranks(view, &group.cases));
    let at = view.series(&best.id);
    let of_best: Vec<bool> = ranks.map(|ranks| ranks[at].best_non_oracle).collect();
    if of_best.len() < 2 {
        return String::new();
    }
    let won = of_best.iter().filter(|&&won| won).count();
    format!(
        "It is the best of them in {won} of {} combinations of slice and sampling.",
        of_best.len()
    )
}

/// P-VDAMP is mentioned even if it is not the best.
fn own_method(best: &RankedContender, non_oracles: &[&RankedContender]) -> String {
    let is_own = |p: &&&RankedContender| p.contender.id.split(':').next() == Some("pvdamp");
    match non_oracles.iter().find(is_own) {
        // the second best is already mentioned
        Some(own) if own.contender.id != best.contender.id && own.contender.id != non_oracles[1].contender.id => {
            let distance = decibels(own.mean - best.mean);
            format!("{} is {distance} dB above it.", own.contender.label)
        }
        _ => String::new(),
    }
}

fn against_oracle(best: &RankedContender, ranking: &[RankedContender]) -> String {
    let Some(oracle) = ranking.iter().find(|p| !p.contender.oracle.is_empty()) else {
        return String::new();
    };
    let label = label_with_dagger(oracle.contender);
    let advantage = &oracle.contender.oracle;
    let difference = best.mean - oracle.mean;
    if difference.is_nan() || decibels(difference) == decibels(0.0) {
        return format!("It is level with {label}, which was given {advantage}.");
    }
    if difference > 0.0 {
        return format!(
            "The lowest error in the table, {} dB lower still, is that of an oracle: {label}, which was \
             given {advantage}.",
            decibels(difference)
        );
    }
    format!(
        "No oracle does better; the best of them, {label}, given {advantage}, is {} dB above it.",
        decibels(-difference)
    )
}

/// Notes on record, and notes on what is missing from the record.
fn notes(view: &View) -> Vec<String> {
    let results = view.results;
    let mut notes = results.notes.clone();
    let without = results.cases.iter().filter(|case| !case.reference).count();
    if without > 0 {
        notes.push(format!(
            "{} of {} have no fully sampled reference. Of these there is no NMSE, PSNR, SSIM or HFEN, no error image, \
             no sensitivity to λ and no measured variance; times, iterations and images are shown.",
            without,
            counted(results.cases.len(), "case")
        ));
    }
    let unmeasured = results
        .cases
        .iter()
        .filter(|case| case.reference && is_unmeasured(view, case))
        .count();
    if unmeasured > 0 && !results.runs.is_empty() {
        notes.push(format!(
            "{} with a reference have no figure.",
            counted(unmeasured, "case")
        ));
    }
    notes.extend(
        view.contenders
            .iter()
            .filter_map(|contender| missing_runs(view, contender)),
    );
    let unlisted = results.runs.iter().filter(|run| view.case(&run.case).is_none()).count();
    if unlisted > 0 {
        notes.push(format!(
            "{} of cases that are not on record are not shown.",
            counted(unlisted, "run")
        ));
    }
    notes
}

fn is_unmeasured(view: &View, case: &CaseRecord) -> bool {
    let metrics = view
        .contenders
        .iter()
        .filter_map(|c| view.run(&case.id, &c.id)?.metrics);
    metrics.count() == 0
}

fn missing_runs(view: &View, contender: &ContenderRecord) -> Option<String> {
    let all = view.results.cases.len();
    let present = view
        .results
        .cases
        .iter()
        .filter(|case| view.run(&case.id, &contender.id).is_some())
        .count();
    (present < all && !view.results.runs.is_empty())
        .then(|| format!("{} was run on {present} of {}.", contender.label, counted(all, "case")))
}
