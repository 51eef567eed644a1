//! Which encoding steps are at zero frequency.

use super::super::super::header::{Header, Limits};
use super::super::axes::AxisKind;
use super::super::options::Centre;
use super::table::Head;

/// Where `siemens_to_ismrmrd` puts the central line and partition that the scanner tells with each readout: in the user
/// counters of these numbers.
const OF_SCANNER: [usize; 2] = [5, 6];

/// The steps ky and kz at zero frequency, of a matrix of so many lines and partitions, and what is odd about them: as
/// stated, else as the scanner tells with each line, else as the header says, else half the matrix.
pub(super) fn steps_at_centre(
    stated: &Centre,
    header: &Header,
    heads: &[Head],
    imaging: &[usize],
    matrix: [usize; 2],
) -> ([usize; 2], Vec<String>) {
    let mut warnings = Vec::new();
    let kinds = [AxisKind::Ky, AxisKind::Kz];
    let limits = [header.phase_encodes, header.partition_encodes];
    let siemens = header.system.is_of("siemens");
    let steps = [0, 1].map(|axis| {
        let told = limits[axis].and_then(|limits| limits.center);
        let of_lines = siemens.then(|| of_lines(heads, imaging, axis)).flatten();
        match (stated.along(kinds[axis]), of_lines, told) {
            (Some(stated), _, _) => stated,
            (None, Some(line), Some(told)) if line != told && *stated != Centre::AsIs => {
                warnings.push(format!(
                    "the header puts zero frequency at step {told} of {axis}, the scanner at {line} \
                     (idx.user[{}] of the lines): the scanner's word counts",
                    OF_SCANNER[axis],
                    axis = kinds[axis].word(),
                ));
                line
            }
            (None, Some(line), None) => line,
            (None, _, Some(told)) => told,
            (None, None, None) => matrix[axis] / 2,
        }
    });
    for (axis, limits) in limits.iter().enumerate() {
        warnings.extend(limits.and_then(|limits| odd(limits, kinds[axis])));
    }
    (steps, warnings)
}

/// The step that all lines of the image name as the central one, if it is one of theirs.
fn of_lines(heads: &[Head], imaging: &[usize], axis: usize) -> Option<usize> {
    let named = |&at: &usize| heads[at].idx.user[OF_SCANNER[axis]];
    let step = |&at: &usize| {
        let idx = heads[at].idx;
        [idx.kspace_encode_step_1, idx.kspace_encode_step_2][axis]
    };
    let first = named(imaging.first()?);
    let last = imaging.iter().map(step).max()?;
    let all_alike = imaging.iter().all(|at| named(at) == first);
    (all_alike && first > 0 && first <= last).then(|| first.into())
}

/// Limits that contradict themselves.
fn odd(limits: Limits, kind: AxisKind) -> Option<String> {
    let Limits {
        minimum,
        maximum,
        center,
    } = limits;
    let center = center.filter(|center| !(minimum..=maximum).contains(center))?;
    Some(format!(
        "encodingLimits of {} run from {minimum} to {maximum}, with the center {center} outside",
        kind.word()
    ))
}
