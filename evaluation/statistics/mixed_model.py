r"""Linear mixed model of scores with raters, questions and their interactions with systems, by REML.

score ~ system + (1|rater) + (1|question) + (1|rater:system) + (1|question:system). Estimation as Bates et al. (2015,
J Stat Softw 67): relative covariance factors theta >= 0 (standard deviations over the residual's), profiled REML
criterion; degrees of freedom of means and contrasts by Satterthwaite's method as Fai & Cornelius (1996) and
Kuznetsova et al. (2017) give it: df = 2 v^2 / (g' A g), g the gradient of the variance v in (theta, sigma) and A twice
the inverse Hessian of the deviance. The model uses every score that is there: the estimator for incomplete designs
(unbiased where scores are missing at random given the others). On complete designs `crossed` gives the same contrasts
in closed form.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import linalg, optimize, sparse, stats

from evaluation.statistics.crossed import with_adjusted
from evaluation.statistics.obuchowski_rockette import contrast, estimate
from evaluation.statistics.results import Contrast, Estimate
from evaluation.statistics.score_cube import FloatArray, ScoreCube

METHOD = "linear mixed model by REML (raters, questions and their interactions with systems random), Satterthwaite t"
TERMS = ("rater", "question", "rater:system", "question:system")
SIMPLE = ("rater", "question")
LARGEST = 4_000
SINGULAR = "a variance component is estimated as zero: {terms}"
TOO_LARGE = (
    "the mixed model has {effects} random effects, more than {largest}: use the closed form (complete designs) "
    "or the bootstrap"
)


@dataclass(frozen=True)
class FTest:
    """Attributes:
    df1, df2: of the numerator, and of the denominator by Satterthwaite's method.
    """

    f: float
    df1: int
    df2: float
    p: float


@dataclass(frozen=True)
class MixedModel:
    """Attributes:
    means: one per system, in their order; contrasts: all pairs.
    components: variance of each term and of the residual.
    systems_differ: F test that all systems have one mean.
    criterion: REML deviance at the optimum.
    n: scores used.
    """

    means: list[Estimate]
    contrasts: list[Contrast]
    components: dict[str, float]
    systems_differ: FTest
    criterion: float
    n: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Cross products of the model's matrices: X one column per system, Z one per random effect."""

    ztz: FloatArray
    ztx: FloatArray
    zty: FloatArray
    xtx: FloatArray
    xty: FloatArray
    yty: float
    n: int
    term_of_effect: FloatArray
    terms: tuple[str, ...]
    mean: float


@dataclass(frozen=True)
class Solution:
    """What one theta gives: deviance terms, coefficients and their unscaled covariance.

    Attributes:
        log_determinants: of both determinants, as REML has them; `log_random` is that of the random effects alone,
            as maximum likelihood has it.
    """

    log_determinants: float
    log_random: float
    residual: float
    coefficients: FloatArray
    unscaled: FloatArray


def mixed_model(cube: ScoreCube, *, interactions: bool = True, level: float = 0.95) -> MixedModel:
    """Fit the scores that are there.

    Args:
        interactions: False leaves rater:system and question:system out, which makes contrasts anti-conservative
            (type I error .29 to .39 at .05 in simulation): for comparison with published analyses only.

    Raises:
        ValueError: fewer than two raters, questions or systems, a system without scores, scores without variation, or
            too many random effects.
    """
    problem = problem_of(cube, TERMS if interactions else SIMPLE)
    k = len(problem.terms)
    found = optimize.minimize(
        lambda theta: _criterion(problem, theta),
        np.full(k, 0.5),
        method="L-BFGS-B",
        bounds=[(0.0, None)] * k,
        options={"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500},
    )
    theta = np.where(found.x < 1e-5, 0.0, found.x)
    solution = solve(problem, theta)
    p = problem.xtx.shape[0]
    sigma = float(np.sqrt(solution.residual / (problem.n - p)))
    spread = _parameter_covariance(problem, theta, sigma)
    zero = [name for name, value in zip(problem.terms, theta, strict=True) if value == 0]
    notes = (SINGULAR.format(terms=", ".join(zero)),) if zero else ()
    fit = _Fit(problem, sigma, solution, spread, _gradients(problem, theta, sigma), level, notes)
    means = [fit.estimate(np.eye(p)[i]) for i in range(p)]
    contrasts = [
        contrast(cube.systems[i], cube.systems[j], fit.estimate(np.eye(p)[i] - np.eye(p)[j]))
        for i, j in combinations(range(p), 2)
    ]
    components = {name: float((t * sigma) ** 2) for name, t in zip(problem.terms, theta, strict=True)}
    return MixedModel(
        means,
        with_adjusted(contrasts),
        components | {"residual": sigma**2},
        fit.test_of(np.eye(p)[1:] - np.eye(p)[0]),
        float(_criterion(problem, theta)),
        problem.n,
        notes,
    )


def problem_of(cube: ScoreCube, terms: tuple[str, ...]) -> Problem:
    """The model's matrices.

    Raises:
        ValueError: the design is too small or too large, or the scores do not vary.
    """
    R, Q, S = cube.values.shape
    if min(R, Q, S) < 2:
        raise ValueError("the mixed model needs two raters, two questions and two systems")
    r, q, s = np.nonzero(~np.isnan(cube.values))
    y = cube.values[r, q, s]
    missing = sorted(set(range(S)) - set(s.tolist()))
    if missing:
        raise ValueError(f"system {cube.systems[missing[0]]} has no scores")
    codes = {"rater": r, "question": q, "rater:system": r * S + s, "question:system": q * S + s}
    blocks, of_term = [], []
    for place, name in enumerate(terms):
        _, code = np.unique(codes[name], return_inverse=True)
        size = int(code.max()) + 1
        blocks.append(sparse.csr_matrix((np.ones(len(y)), (np.arange(len(y)), code)), shape=(len(y), size)))
        of_term += [place] * size
    if len(of_term) > LARGEST:
        raise ValueError(TOO_LARGE.format(effects=len(of_term), largest=LARGEST))
    z = sparse.hstack(blocks).tocsr()
    x = np.eye(S)[s]
    # The mean is taken off and put back at the end: sums of squares of scores near 80 lose digits.
    mean = float(y.mean())
    y = y - mean
    if float(y @ y) < 1e-12:
        raise ValueError("the scores do not vary: no mixed model")
    return Problem(
        (z.T @ z).toarray(),
        np.asarray(z.T @ x),
        np.asarray(z.T @ y),
        x.T @ x,
        x.T @ y,
        float(y @ y),
        len(y),
        np.array(of_term),
        terms,
        mean,
    )


def solve(problem: Problem, theta: FloatArray) -> Solution:
    """Coefficients and residual at one theta."""
    scale = theta[problem.term_of_effect]
    a = scale[:, None] * problem.ztz * scale
    a[np.diag_indices_from(a)] += 1.0
    lower = linalg.cholesky(a, lower=True, overwrite_a=True, check_finite=False)
    right = np.column_stack([scale[:, None] * problem.ztx, scale * problem.zty])
    solved = linalg.solve_triangular(lower, right, lower=True, check_finite=False)
    rzx, cu = solved[:, :-1], solved[:, -1]
    left = problem.xtx - rzx.T @ rzx
    top = problem.xty - rzx.T @ cu
    unscaled = np.linalg.inv(left)
    coefficients = unscaled @ top
    residual = float(problem.yty - cu @ cu - coefficients @ top)
    log_random = 2 * float(np.log(np.diag(lower)).sum())
    logs = log_random + float(np.linalg.slogdet(left)[1])
    return Solution(logs, log_random, max(residual, 1e-300), coefficients, unscaled)


def _criterion(problem: Problem, theta: FloatArray) -> float:
    """Profiled REML deviance."""
    found, free = solve(problem, theta), problem.n - problem.xtx.shape[0]
    return float(found.log_determinants + free * (1 + np.log(2 * np.pi * found.residual / free)))


def _deviance(problem: Problem, point: FloatArray) -> float:
    """REML deviance in (theta, sigma)."""
    found, free, sigma = solve(problem, point[:-1]), problem.n - problem.xtx.shape[0], point[-1]
    return float(found.log_determinants + free * np.log(2 * np.pi * sigma**2) + found.residual / sigma**2)


def _parameter_covariance(problem: Problem, theta: FloatArray, sigma: float) -> FloatArray:
    """Twice the inverse Hessian of the deviance; directions without curvature are left out."""
    point = np.append(theta, sigma)
    steps = np.maximum(np.abs(point), 0.05) * 2e-3
    size = len(point)
    hessian = np.empty((size, size))
    centre = _deviance(problem, point)
    moved = np.diag(steps)
    for i in range(size):
        plus, minus = _deviance(problem, point + moved[i]), _deviance(problem, point - moved[i])
        hessian[i, i] = (plus - 2 * centre + minus) / steps[i] ** 2
        for j in range(i):
            corners = [
                sign * _deviance(problem, point + a * moved[i] + b * moved[j])
                for a, b, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
            ]
            hessian[i, j] = hessian[j, i] = sum(corners) / (4 * steps[i] * steps[j])
    values, vectors = np.linalg.eigh(hessian)
    kept = values > 1e-8 * values.max()
    return np.asarray(2 * (vectors[:, kept] / values[kept]) @ vectors[:, kept].T)


def _gradients(problem: Problem, theta: FloatArray, sigma: float) -> list[FloatArray]:
    """Derivatives of the covariance of the systems' means by each parameter."""
    point = np.append(theta, sigma)
    made = []
    for move in np.diag(np.maximum(np.abs(point), 0.05) * 1e-4):
        sides = [p[-1] ** 2 * solve(problem, p[:-1]).unscaled for p in (point + move, point - move)]
        made.append((sides[0] - sides[1]) / (2 * float(move.sum())))
    return made


def denominator_df(each: FloatArray) -> float:
    """Denominator df of the F test of q independent contrasts from the df v_m of their t statistics.

    df2 = 2 E / (E - q), E the sum of v_m / (v_m - 2) (Fai & Cornelius 1996): then F has the mean E / q. Where a v_m is 2
    or less it has no mean and df2 is 2; equal v_m, and so the one of a single contrast, are kept (both as lmerTest,
    Kuznetsova et al. 2017).

    Args:
        each: (q,), above zero; infinite ones add 1 to E.
    """
    if np.allclose(each, each[0], rtol=0, atol=1e-8):
        return float(each.mean())
    if each.min() <= 2:
        return 2.0
    # v / (v - 2) = 1 + 2 / (v - 2): E - q without the digits that E would lose.
    excess = float(np.sum(2 / (each - 2)))
    return 2 * (len(each) + excess) / excess


@dataclass(frozen=True)
class _Fit:
    problem: Problem
    sigma: float
    solution: Solution
    parameters: FloatArray
    gradients: list[FloatArray]
    level: float
    notes: tuple[str, ...]

    def estimate(self, weights: FloatArray) -> Estimate:
        """A combination of the systems' means with its Satterthwaite interval."""
        v = float(self.sigma**2 * weights @ self.solution.unscaled @ weights)
        gradient = np.array([weights @ part @ weights for part in self.gradients])
        spread = float(gradient @ self.parameters @ gradient)
        return estimate(
            float(weights @ (self.solution.coefficients + self.problem.mean)),
            v,
            2 * v**2 / spread if spread > 0 else float("inf"),
            method=METHOD,
            level=self.level,
            n=self.problem.n,
            is_share=False,
            notes=self.notes,
        )

    def test_of(self, contrasts: FloatArray) -> FTest:
        """F test that all rows of `contrasts` (q, systems) are zero.

        The contrasts are turned into independent ones, whose own degrees of freedom are put together.
        """
        q = len(contrasts)
        covariance = self.sigma**2 * contrasts @ self.solution.unscaled @ contrasts.T
        values, vectors = np.linalg.eigh(covariance)
        parts = [self.estimate(vector @ contrasts) for vector in vectors.T]
        estimates = vectors.T @ contrasts @ self.solution.coefficients
        f = float((estimates**2 / values).sum() / q)
        df2 = denominator_df(np.array([part.df for part in parts]))
        p = stats.f.sf(f, q, df2) if np.isfinite(df2) else stats.chi2.sf(q * f, q)
        return FTest(f, q, df2, float(p))
