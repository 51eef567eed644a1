//! A method with its settings, as typed: `fista:optimal:shift:iterations=200`.

use super::ContenderRecord;
use pvdamp::array::Mask;
use pvdamp::solve::{Knob, Lambda, Limits, METHODS, Method, Shift, Tuning};
use pvdamp_io::error::{Error, Result};

/// A method with its settings.
#[derive(Clone)]
pub struct Contender {
    /// As typed.
    pub id: String,
    pub method: &'static Method,
    pub weight: Weight,
    pub shift: Shift,
    /// As typed; `None` for the method's own choice.
    pub iterations: Option<usize>,
    /// Seed of error bars.
    pub error_bars: Option<u64>,
}

/// Where λ comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weight {
    /// From here; 0 for methods without one.
    Fixed(f64),
    /// The best one for each case.
    Optimal,
    /// One for all cases, the best on average.
    Shared,
}

impl Contender {
    /// Reads `METHOD[:WORD]…`; a word is a λ (a number, `optimal` or `shared`), `shift`, `bars` or
    /// `iterations=N`.
    ///
    /// Errors: what is no method, with the nearest there is, and words that mean nothing to it.
    pub fn parse(text: &str) -> Result<Self> {
        let name = text.split(':').next().unwrap_or_default();
        let words: Vec<&str> = text.split(':').skip(1).collect();
        let method = Method::find(name).ok_or_else(|| no_method(name))?;
        let mut contender = Self {
            id: text.into(),
            method,
            weight: Weight::Fixed(Tuning::default().lambda.value()),
            shift: Shift::Own,
            iterations: None,
            error_bars: None,
        };
        let mut weighted = false;
        for (at, &word) in words.iter().enumerate() {
            let refused = |why: &str| Error::setting(format!("--methods {text}: '{word}' {why}"));
            if words[..at].contains(&word) {
                return Err(refused("is said twice"));
            }
            match word.split_once('=') {
                Some(("iterations", count)) if method.iterates() => {
                    let count = count.parse().ok().filter(|&count: &usize| count > 0);
                    contender.iterations = Some(count.ok_or_else(|| refused("is not a number of iterations"))?);
                }
                None if word == "shift" && method.has(Knob::Shift) => contender.shift = Shift::Random(0),
                None if word == "bars" && method.has(Knob::ErrorBars) => contender.error_bars = Some(0),
                _ => {
                    let weight = parse_weight(word, method);
                    let weight = weight.ok_or_else(|| refused("means nothing to this method"))?;
                    if weighted {
                        return Err(refused("is a second λ"));
                    }
                    contender.weight = weight;
                    weighted = true;
                }
            }
        }
        if method.has(Knob::Lambda) && !weighted {
            return Err(Error::setting(format!(
                "--methods {text}: this method needs a regularisation weight: {name}:optimal, {name}:shared, or a number \
                 as in {name}:0.003"
            )));
        }
        Ok(contender)
    }

    /// Whether there has to be a reference.
    pub fn needs_reference(&self) -> bool {
        matches!(self.weight, Weight::Optimal | Weight::Shared)
    }

    /// What it is called with the best λ of each case.
    pub fn with_optimal_weight(&self) -> Self {
        let of_word = |word: &str| match parse_weight(word, self.method) {
            Some(_) => "optimal".to_string(),
            None => word.to_string(),
        };
        let words: Vec<String> = self.id.split(':').map(of_word).collect();
        Self {
            id: words.join(":"),
            weight: Weight::Optimal,
            ..self.clone()
        }
    }

    /// λ as it is recorded: of methods that have one, and of CG-SENSE unless it is 0.
    pub fn recorded(&self, lambda: f64) -> Option<f64> {
        let means = self.method.has(Knob::Lambda) || (self.method.has(Knob::OptionalLambda) && lambda > 0.0);
        means.then_some(lambda)
    }

    /// When the iterations on a mask stop.
    pub fn limits(&self, mask: &Mask, tuning: &Tuning) -> Limits {
        Limits {
            iterations: self.method.iterations_on(mask, tuning),
            time: None,
        }
    }

    /// Iterations at most on most masks.
    pub fn iterations(&self) -> usize {
        self.iterations.unwrap_or(self.method.iterations)
    }

    /// Whether the wavelet grid is shifted at random.
    pub fn has_shifts(&self) -> bool {
        self.shift.seed(self.method.shift).is_some()
    }

    /// Its tuning, on top of what all have in common.
    pub fn tuning(&self, common: &Tuning, lambda: f64) -> Tuning {
        Tuning {
            lambda: Lambda::Value(lambda),
            shift: self.shift,
            iterations: self.iterations,
            error_bars: self.error_bars,
            ..common.clone()
        }
    }

    pub fn record(&self) -> ContenderRecord {
        let (method, mut label) = (self.method, self.method.title.to_string());
        match self.weight {
            Weight::Optimal => label += ", optimal λ",
            Weight::Shared => label += ", shared λ",
            Weight::Fixed(lambda) if lambda > 0.0 => label += &format!(", λ = {lambda}"),
            Weight::Fixed(_) => {}
        }
        if self.has_shifts() && method.shift.is_none() {
            label += ", random shifts";
        }
        if let Some(iterations) = self.iterations {
            label += &format!(", {iterations} iterations");
        }
        if self.error_bars.is_some() {
            label += ", error bars";
        }
        let oracle = match self.weight {
            Weight::Optimal => "the best λ for each case",
            Weight::Shared => "one λ, the best on average over the cases",
            Weight::Fixed(_) => method.oracle,
        };
        ContenderRecord {
            id: self.id.clone(),
            label,
            program: "pvdamp".into(),
            oracle: oracle.into(),
            timed: String::new(),
        }
    }
}

fn parse_weight(word: &str, method: &Method) -> Option<Weight> {
    match word {
        "optimal" if method.has(Knob::Lambda) => Some(Weight::Optimal),
        "shared" if method.has(Knob::Lambda) => Some(Weight::Shared),
        _ if method.has_lambda() => {
            let value = word.parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0)?;
            Some(Weight::Fixed(value))
        }
        _ => None,
    }
}

fn no_method(name: &str) -> Error {
    let distance = |method: &&Method| strsim::damerau_levenshtein(method.name, name);
    let nearest = METHODS.iter().min_by_key(distance).map_or("", |method| method.name);
    let names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
    Error::setting(format!(
        "--methods {name}: there is no such method, did you mean {nearest}? There are: {}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_settings() {
        let contender = Contender::parse("fista:optimal:shift:iterations=200").unwrap();
        assert_eq!(
            (
                contender.method.name,
                contender.weight,
                contender.shift,
                contender.iterations
            ),
            ("fista", Weight::Optimal, Shift::Random(0), Some(200))
        );
        assert_eq!(
            contender.record().label,
            "FISTA, optimal λ, random shifts, 200 iterations"
        );
        assert_eq!(Contender::parse("fista:0.01").unwrap().weight, Weight::Fixed(0.01));
        assert_eq!(
            Contender::parse("fista:3e-3").unwrap().with_optimal_weight().id,
            "fista:optimal"
        );
        assert_eq!(Contender::parse("cg-sense").unwrap().weight, Weight::Fixed(0.0));
        assert_eq!(Contender::parse("pvdamp").unwrap().record().oracle, "");
        let bars = Contender::parse("pvdamp:bars").unwrap();
        assert_eq!((bars.error_bars, bars.iterations), (Some(0), None));
        assert_eq!(bars.record().label, "P-VDAMP, error bars");
        assert_ne!(Contender::parse("sure-it").unwrap().record().oracle, "");
    }

    #[test]
    fn every_method_can_be_a_contender() {
        for method in METHODS {
            let typed = if method.has(Knob::Lambda) {
                format!("{}:optimal", method.name)
            } else {
                method.name.into()
            };
            assert_eq!(
                Contender::parse(&typed).unwrap().record().label.split(',').next(),
                Some(method.title.split(',').next().unwrap())
            );
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let message = |text: &str| Contender::parse(text).err().expect(text).to_string();
        assert!(
            message("pvdmap").contains("did you mean pvdamp?"),
            "{}",
            message("pvdmap")
        );
        assert!(message("fista").contains("fista:optimal"));
        for text in [
            "pvdamp:optimal",
            "howl:shift",
            "zero-filled:bars",
            "pvdamp:bars:bars",
            "fista:optimal:iterations=0",
            "fista:-1",
            "fista:nan",
            "cg-sense:shared",
            "fista:optimal:0.003",
            "fista:optimal:shift:shift",
            "zero-filled:iterations=5",
            "",
        ] {
            assert!(message(text).contains(text), "{text}");
        }
    }
}
