//! What comes first: the outcome in words, and what it was found on.

use maud::{Markup, html};

use super::view::{View, marked, nmse_object, sampling_title, threads};
use crate::compare::{CaseRecord, ContenderRecord};
use crate::report::number::{Spread, capital, counted, decibels, distinct};

pub fn introduction(view: &View) -> Markup {
    let results = view.results;
    let machine = &results.machine;
    let processor = if machine.processor.is_empty() {
        "not recorded"
    } else {
        &machine.processor
    };
    html! {
        p.lead { (asked(view)) " " (outcome(view)) }
        dl.facts {
            dt { "Program" } dd { "pvdamp " (results.version) }
            dt { "Processor" } dd { (processor) ", " (counted(machine.cores, "core")) }
            dt { "Threads" } dd { (threads(view)) }
            @if !view.contenders.is_empty() {
                dt { "Methods" }
                dd { (view.contenders.iter().map(marked).collect::<Vec<_>>().join("; ")) }
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

/// What was compared on what.
fn asked(view: &View) -> String {
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
    let ways = distinct(view.groups.iter().map(|group| sampling_title(group.cases[0]))).len();
    let asked = format!(
        "{} on {} of {}, undersampled in {}{seeds}: {} in all.",
        counted(view.contenders.len(), "method"),
        counted(slices, "slice"),
        counted(scans, "scan"),
        counted(ways, "way"),
        counted(results.cases.len(), "case"),
    );
    capital(&asked)
}

/// A contender that was measured on every case that anyone was, and its mean NMSE on the object.
struct Placed<'a> {
    contender: &'a ContenderRecord,
    mean: f64,
    figures: Vec<f64>,
}

/// Best first. Contenders without a figure on some case are left out: means over different cases do not compare.
fn placed<'a>(view: &'a View, cases: &[&CaseRecord]) -> Vec<Placed<'a>> {
    let place = |contender: &'a ContenderRecord| {
        let figures = view.figures(&contender.id, cases, nmse_object);
        let mean = Spread::of(figures.iter().copied())?.mean;
        (figures.len() == cases.len()).then_some(Placed {
            contender,
            mean,
            figures,
        })
    };
    let mut placed: Vec<Placed> = view.contenders.iter().filter_map(place).collect();
    placed.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    placed
}

/// Which is best, and by how much.
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
    let placed = placed(view, &cases);
    let honest: Vec<&Placed> = placed.iter().filter(|p| p.contender.oracle.is_empty()).collect();
    let Some(best) = honest.first() else {
        return "No method that uses only what a user has was measured on every case with a reference, so none is \
                called best."
            .into();
    };
    let others = honest.get(1).map_or(".".into(), |next| against_next(best, next));
    let sentences = [
        format!(
            "Of the methods that use nothing a user lacks, {} has the lowest mean error on the object: NMSE {} dB over \
             {}{others}",
            best.contender.label,
            decibels(best.mean),
            counted(cases.len(), "case"),
        ),
        wins(view, best.contender),
        own_method(best, &honest),
        against_oracle(best, &placed),
    ];
    sentences
        .into_iter()
        .filter(|s| !s.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

fn against_next(best: &Placed, next: &Placed) -> String {
    let differences = best.figures.iter().zip(&next.figures).map(|(b, n)| n - b);
    let Some(ahead) = Spread::of(differences) else {
        return format!(", level with {}.", next.contender.label);
    };
    if decibels(ahead.mean) == decibels(0.0) {
        return format!(", level with {}.", next.contender.label);
    }
    let spread = ahead
        .sd
        .map(|sd| format!(" (± {} dB over cases)", decibels(sd)))
        .unwrap_or_default();
    let doubt = if ahead.sd.is_some_and(|sd| sd > ahead.mean.abs()) {
        "; the difference is smaller than its spread over cases"
    } else {
        ""
    };
    format!(
        ", {} dB{spread} below the next, {}{doubt}.",
        decibels(ahead.mean),
        next.contender.label
    )
}

/// In how many groups it is the best of the honest ones.
fn wins(view: &View, best: &ContenderRecord) -> String {
    let ranks = view
        .groups
        .iter()
        .filter_map(|group| super::tables::ranks(view, &group.cases));
    let at = view.series(&best.id);
    let of_best: Vec<bool> = ranks.map(|ranks| ranks[at].best_honest).collect();
    if of_best.len() < 2 {
        return String::new();
    }
    let won = of_best.iter().filter(|&&won| won).count();
    format!(
        "It is the best of them in {won} of {} combinations of slice and sampling.",
        of_best.len()
    )
}

/// The method that this program is about is placed even where it is not the best.
fn own_method(best: &Placed, honest: &[&Placed]) -> String {
    let is_own = |p: &&&Placed| p.contender.id.split(':').next() == Some("pvdamp");
    match honest.iter().find(is_own) {
        // the next one is named already
        Some(own) if own.contender.id != best.contender.id && own.contender.id != honest[1].contender.id => {
            let behind = decibels(own.mean - best.mean);
            format!("{} is {behind} dB above it.", own.contender.label)
        }
        _ => String::new(),
    }
}

fn against_oracle(best: &Placed, placed: &[Placed]) -> String {
    let Some(oracle) = placed.iter().find(|p| !p.contender.oracle.is_empty()) else {
        return String::new();
    };
    let label = marked(oracle.contender);
    let took = &oracle.contender.oracle;
    let difference = best.mean - oracle.mean;
    if difference.is_nan() || decibels(difference) == decibels(0.0) {
        return format!("It is level with {label}, which was given {took}.");
    }
    if difference > 0.0 {
        return format!(
            "The lowest error in the table, {} dB lower still, is that of an oracle: {label}, which was given {took}.",
            decibels(difference)
        );
    }
    format!(
        "No oracle does better; the best of them, {label}, given {took}, is {} dB above it.",
        decibels(-difference)
    )
}

/// The notes of the record, and what the record itself lacks.
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
    let strays = results.runs.iter().filter(|run| view.case(&run.case).is_none()).count();
    if strays > 0 {
        notes.push(format!(
            "{} of cases that are not on record are not shown.",
            counted(strays, "run")
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
    let there = view
        .results
        .cases
        .iter()
        .filter(|case| view.run(&case.id, &contender.id).is_some())
        .count();
    (there < all && !view.results.runs.is_empty())
        .then(|| format!("{} was run on {there} of {}.", contender.label, counted(all, "case")))
}
