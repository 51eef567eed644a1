//! Splits a batch into parts that run independently.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Part `index` of `count`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub index: usize,
    pub count: usize,
}

impl Shard {
    /// The shard of a cluster's job, from environment variables: Slurm's job arrays, or indexed jobs of Kubernetes. The
    /// latter must pass the number of completions as `PVDAMP_SHARDS`. `variable` reads a variable.
    ///
    /// Errors: a sentence, if the variables are missing or make no sense.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str| -> Result<Option<usize>, String> {
            let parsed =
                variable(name).map(|text| text.trim().parse().map_err(|_| format!("{name}={text} is no number")));
            parsed.transpose()
        };
        let (place, count) = if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(1);
            let place = id
                .checked_sub(first)
                .ok_or("SLURM_ARRAY_TASK_ID is below SLURM_ARRAY_TASK_MIN")?
                / step;
            (
                place,
                number("SLURM_ARRAY_TASK_COUNT")?.ok_or("SLURM_ARRAY_TASK_COUNT is not set")?,
            )
        } else if let Some(id) = number("JOB_COMPLETION_INDEX")? {
            let count = number("PVDAMP_SHARDS")?;
            (
                id,
                count.ok_or("JOB_COMPLETION_INDEX is set: set PVDAMP_SHARDS to the completions of the job")?,
            )
        } else {
            return Err("neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set".into());
        };
        Self::new(place + 1, count)
    }

    fn new(index: usize, count: usize) -> Result<Self, String> {
        match index {
            1.. if index <= count => Ok(Self { index, count }),
            _ => Err(format!("there is no part {index} of {count}; they are counted from 1")),
        }
    }

    /// Assigns volumes to parts, counted from 1, by their numbers of slices: the largest first, each to the part with
    /// the fewest slices so far. Volumes that cannot be opened have 0 slices and count as one.
    pub fn assign(slices: &[usize], count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..slices.len()).collect();
        order.sort_by_key(|&volume| (std::cmp::Reverse(slices[volume]), volume));
        let mut loads = vec![0; count];
        let mut parts = vec![0; slices.len()];
        for volume in order {
            let least = (0..count).min_by_key(|&part| (loads[part], part)).unwrap_or(0);
            loads[least] += slices[volume].max(1);
            parts[volume] = least + 1;
        }
        parts
    }
}

impl FromStr for Shard {
    type Err = String;

    /// `I/N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        let (index, count) = parts.ok_or("it is I/N, as 1/8, or auto")?;
        Self::new(index, count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// `-2-of-8`, or nothing for a whole batch.
pub fn suffix(shard: Option<Shard>) -> String {
    shard.map_or(String::new(), |Shard { index, count }| format!("-{index}-of-{count}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["0/8", "9/8", "1/0", "1", "a/b", "1/2/3", ""] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!(Shard { index: 2, count: 8 }.to_string(), "2/8");
    }

    #[test]
    fn the_shard_comes_from_the_variables_of_a_cluster() {
        let shard_from = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
            Shard::from_environment(move |name| pairs.iter().find(|p| p.0 == name).map(|p| p.1.clone()))
        };
        let slurm = |id, min, step| {
            shard_from(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_STEP", step),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
            ])
        };
        assert_eq!(slurm("0", "0", "1"), Ok(Shard { index: 1, count: 4 }));
        assert_eq!(slurm("4", "1", "1"), Ok(Shard { index: 4, count: 4 }));
        assert_eq!(slurm("16", "10", "2"), Ok(Shard { index: 4, count: 4 }));
        assert!(slurm("3", "5", "1").is_err() && slurm("9", "1", "1").is_err() && slurm("x", "1", "1").is_err());
        let kubernetes = shard_from(&[("JOB_COMPLETION_INDEX", "3"), ("PVDAMP_SHARDS", "4")]);
        assert_eq!(kubernetes, Ok(Shard { index: 4, count: 4 }));
        assert!(
            shard_from(&[("JOB_COMPLETION_INDEX", "3")])
                .unwrap_err()
                .contains("PVDAMP_SHARDS")
        );
        assert!(shard_from(&[]).unwrap_err().contains("neither"));
    }

    #[test]
    fn parts_have_as_many_slices() {
        let slices = [40, 3, 36, 0, 30, 1, 28, 40, 12, 10];
        for count in 1..5 {
            let parts = Shard::assign(&slices, count);
            let load = |part| -> usize { slices.iter().zip(&parts).filter(|p| *p.1 == part).map(|p| p.0).sum() };
            let loads: Vec<usize> = (1..=count).map(load).collect();
            assert_eq!(loads.iter().sum::<usize>(), 200);
            assert!(
                loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 14,
                "{loads:?}"
            );
        }
        assert_eq!(Shard::assign(&[1, 1], 5), [1, 2]);
        assert_eq!(Shard::assign(&[], 2), [0usize; 0]);
    }
}
