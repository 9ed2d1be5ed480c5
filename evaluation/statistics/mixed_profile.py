"""Profile-likelihood intervals of the linear mixed model, and the likelihood-ratio test of its systems.

As Bates et al. (2015, J Stat Softw 67, section 5.1): by maximum likelihood, not REML. A parameter is fixed at a value and
the deviance minimised over all others; the interval holds the values where it rises by less than the chi-square quantile
with one degree of freedom. For a combination c'beta = v of the systems' means the minimum over beta and sigma is closed:
the residual sum of squares rises by (c'b - v)^2 / (c'Uc), b and U the solution at theta. Standard deviations are profiled
on their own scale: theta_k = s / sigma.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy import optimize, stats

from evaluation.statistics.mixed_model import SIMPLE, TERMS, Problem, Solution, problem_of, solve
from evaluation.statistics.results import Contrast, Estimate, Interval
from evaluation.statistics.score_cube import FloatArray, ScoreCube

METHOD = "linear mixed model by maximum likelihood, profile-likelihood interval"
# The search for a limit starts so many standard errors out, doubles the way, and gives up so far out.
NEAR, FAR = 1.5, 64.0
LARGEST, LOGARITHMS = 1e4, 3.0

Deviance = Callable[[FloatArray], float]
Rise = Callable[[float], float]


@dataclass(frozen=True)
class LikelihoodRatio:
    """Test that all systems have one mean, by maximum likelihood."""

    chi_square: float
    df: int
    p: float


@dataclass(frozen=True)
class MixedProfile:
    """Attributes:
    means, contrasts: of the systems and of all their pairs, by maximum likelihood; the contrasts carry no test.
    deviations: standard deviation of each term and of the residual, by maximum likelihood.
    log_likelihood: at the optimum.
    """

    means: list[Estimate]
    contrasts: list[Contrast]
    deviations: dict[str, Estimate]
    log_likelihood: float
    systems_differ: LikelihoodRatio


def mixed_profile(cube: ScoreCube, *, interactions: bool = True, level: float = 0.95) -> MixedProfile:
    """Profile the model's parameters: every limit is a search among minima, which takes its time.

    Raises:
        ValueError: as `mixed_model`.
    """
    problem = problem_of(cube, TERMS if interactions else SIMPLE)
    profile = _Profile(problem, level)
    p = problem.xtx.shape[0]
    unit = np.eye(p)
    one = np.ones((p, 1))
    alone = replace(
        problem, ztx=problem.ztx @ one, xtx=one.T @ problem.xtx @ one, xty=problem.xty @ one
    )  # one mean for all systems
    chi_square = _Profile(alone, level).least - profile.least
    deviations = {name: profile.deviation(place) for place, name in enumerate(problem.terms)}
    return MixedProfile(
        means=[profile.combination(unit[i], problem.mean) for i in range(p)],
        contrasts=[
            Contrast(cube.systems[i], cube.systems[j], profile.combination(unit[i] - unit[j], 0.0))
            for i, j in combinations(range(p), 2)
        ],
        deviations=deviations | {"residual": profile.residual()},
        log_likelihood=-profile.least / 2,
        systems_differ=LikelihoodRatio(chi_square, p - 1, float(stats.chi2.sf(chi_square, p - 1))),
    )


class _Profile:
    """The deviance of one problem, where it is least, and how it rises away from there."""

    def __init__(self, problem: Problem, level: float) -> None:
        self.problem, self.level, self.n = problem, level, problem.n
        self.theta, self.least = _least(
            lambda theta: self._free(solve(problem, theta), 0.0), np.full(len(problem.terms), 0.5)
        )
        self.solution = solve(problem, self.theta)
        self.sigma = float(np.sqrt(self.solution.residual / self.n))

    def _free(self, found: Solution, more: float) -> float:
        """Deviance with the best sigma; `more` is added to the residual sum of squares."""
        return float(found.log_random + self.n * (1 + np.log(2 * np.pi * (found.residual + more) / self.n)))

    def _fixed(self, found: Solution, sigma: float) -> float:
        """Deviance at one sigma."""
        return float(found.log_random + self.n * np.log(2 * np.pi * sigma**2) + found.residual / sigma**2)

    def combination(self, weights: FloatArray, mean: float) -> Estimate:
        """A combination of the systems' means, `mean` put back."""
        value = float(weights @ self.solution.coefficients)
        se = float(self.sigma * np.sqrt(weights @ self.solution.unscaled @ weights))

        def at(point: float) -> Deviance:
            def deviance(theta: FloatArray) -> float:
                found = solve(self.problem, theta)
                gap = weights @ found.coefficients - point
                return self._free(found, float(gap**2 / (weights @ found.unscaled @ weights)))

            return deviance

        low, high = self._limits(self._rise(at, self.theta), value, se, lowest=-np.inf)
        return self._estimate(value + mean, (low + mean, high + mean))

    def deviation(self, place: int) -> Estimate:
        """Standard deviation of a random term."""

        def at(point: float) -> Deviance:
            def deviance(rest: FloatArray) -> float:
                sigma = float(np.exp(rest[-1]))
                theta = np.insert(rest[:-1], place, point / sigma)
                return self._fixed(solve(self.problem, theta), sigma)

            return deviance

        value = float(self.theta[place] * self.sigma)
        start = np.append(np.delete(self.theta, place), np.log(self.sigma))
        step = max(value, self.sigma / 10) / 6
        return self._estimate(
            value, self._limits(self._rise(at, start, last_is_free=True), value, step, lowest=0.0)
        )

    def residual(self) -> Estimate:
        """Standard deviation of the residual."""

        def at(point: float) -> Deviance:
            return lambda theta: self._fixed(solve(self.problem, theta), point)

        se = self.sigma / float(np.sqrt(2 * self.n))
        limits = self._limits(self._rise(at, self.theta), self.sigma, se, lowest=self.sigma * 1e-3)
        return self._estimate(self.sigma, limits)

    def _rise(
        self, at: Callable[[float], Deviance], start: FloatArray, *, last_is_free: bool = False
    ) -> Rise:
        """How far the deviance lies above its least with a parameter at a point.

        Every search begins at the same start: the rise is a function of the point alone.
        """
        return lambda point: _least(at(point), start, last_is_free=last_is_free)[1] - self.least

    def _limits(self, rise: Rise, value: float, step: float, *, lowest: float) -> Interval:
        wanted = float(stats.chi2.ppf(self.level, 1))

        def limit(sign: int) -> float:
            near, way = value, NEAR * step
            while way <= FAR * step:
                point = max(value + sign * way, lowest)
                if rise(point) >= wanted:
                    return float(
                        optimize.brentq(lambda x: rise(x) - wanted, near, point, xtol=1e-5 * step, rtol=1e-10)
                    )
                if point == lowest:
                    return lowest
                near, way = point, 2 * way
            return sign * float("inf")

        return limit(-1), limit(1)

    def _estimate(self, value: float, interval: Interval) -> Estimate:
        return Estimate(value, interval, METHOD, level=self.level, n=self.n)


def _least(deviance: Deviance, start: FloatArray, *, last_is_free: bool = False) -> tuple[FloatArray, float]:
    """Where the deviance is least and how low: thetas from zero on, a logarithm of sigma within LOGARITHMS of its start.

    In designs with few scores the search would else step to where numbers end.
    """
    bounds: list[tuple[float, float]] = [(0.0, LARGEST)] * len(start)
    if last_is_free:
        bounds[-1] = (float(start[-1]) - LOGARITHMS, float(start[-1]) + LOGARITHMS)
    found = optimize.minimize(
        deviance,
        start,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-12, "gtol": 1e-5, "maxiter": 500},
    )
    return np.asarray(found.x), float(found.fun)
